"""Errors after RFC 9457: one clear sentence, as JSON, with the status that says who has to do something."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from ui.api import models


class Problem(Exception):  # noqa: N818  # as the RFC calls it
    """Ends the answering of a request."""

    def __init__(self, status: int, detail: str) -> None:
        self.status, self.detail = status, detail
        super().__init__(detail)


def answer(status: int, detail: str) -> Response:
    """The problem as a response."""
    text = " ".join(detail.split())
    found = models.Problem(title=HTTPStatus(status).phrase, status=status, detail=text)
    response = Response(found.model_dump_json(), status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    return response

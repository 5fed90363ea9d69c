"""For machines: health, the live figures, and ``/api/v1`` with its own description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, jsonify

from ui.api import v1
from ui.api.live import live_json
from ui.api.problem import Problem, answer

if TYPE_CHECKING:
    from flask import Flask

    from ui.data import Source

__all__ = ["live_json", "register"]


def register(server: Flask, source: Source) -> None:
    """Add the routes."""
    v1.register(server, source)

    @server.get("/healthz")
    def health() -> Response:
        return Response("ui ok\n", mimetype="text/plain")

    @server.get("/api/live")
    def live() -> Response:
        try:
            v1.require("view")
        except Problem as problem:
            return answer(problem.status, problem.detail)
        response: Response = jsonify(live_json(source))
        response.headers["Cache-Control"] = "no-store"
        return response

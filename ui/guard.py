"""Headers and guards: nothing leaves the machine, nothing is framed, nothing is posted from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from flask import Response, abort, request

if TYPE_CHECKING:
    from dash import Dash

BODY_MAX_BYTES: Final = 1_000_000
"""Largest body that is read."""
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def policy(app: Dash) -> str:
    """The content security policy; plotly needs inline styles, scripts are ours alone."""
    scripts = " ".join(["'self'", *[f"'{digest}'".replace("''", "'") for digest in app.csp_hashes()]])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "object-src 'none'",
        )
    )


def same_origin(origin: str | None, fetch_site: str | None, host: str) -> bool:
    """Whether a request that changes something comes from a page of ours.

    Args:
        origin: the Origin header.
        fetch_site: the Sec-Fetch-Site header.
        host: what the request was sent to.
    """
    if fetch_site is not None and fetch_site != "same-origin":
        return False
    return origin is not None and urlsplit(origin).netloc == host


def register(app: Dash) -> None:
    """Put the guard before every request and the headers after it. Call when all callbacks are there."""
    server = app.server
    server.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    headers = {
        "Content-Security-Policy": policy(app),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }

    def refuse_strangers() -> None:
        if request.method in _CHANGING and not same_origin(
            request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"), request.host
        ):
            abort(403, "a request that changes something has to come from a page of this server")

    def add_headers(response: Response) -> Response:
        response.headers.update(headers)
        return response

    server.before_request(refuse_strangers)
    server.after_request(add_headers)

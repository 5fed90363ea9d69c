"""Headers and guards: nothing leaves the machine, is framed, posted from elsewhere or shown to strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from flask import Response, abort, g, redirect, request
from werkzeug.middleware.proxy_fix import ProxyFix

from core.errors import ServiceError
from core.settings import EVERYWHERE, LOOPBACK
from ui.access import auth, login

if TYPE_CHECKING:
    from dash import Dash
    from werkzeug.wrappers import Response as Answer

    from core.settings import Settings
    from ui.data import Source

BODY_MAX_BYTES: Final = 1_000_000
"""Largest body that is read."""
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OPEN: Final = frozenset({"/healthz", "/_favicon.ico"})
_LOOKS: Final = "/assets/"
"""For everybody, as is what makes the sign-in look."""
_MACHINE: Final = ("/_", "/api/")
"""What programs ask for: they are answered with a status, people with a page."""
_PARTS: Final = "/_dash-component-suites/"
"""Scripts that every page is made of: a page that is opened anew needs them also when a sign-in is over."""
_HSTS: Final = "max-age=31536000"


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


def names(settings: Settings) -> frozenset[str]:
    """Hosts that are answered to; none where they are not known: on all addresses, without a public URL.

    A page of somebody else whose name is made to lead to this machine is of no such host.
    """
    public = urlsplit(settings.public_url or "").hostname
    if settings.ui_host in EVERYWHERE and not public:
        return frozenset()
    return LOOPBACK | {settings.ui_host.lower()} | ({public} if public else set())


def register(app: Dash, source: Source) -> None:
    """Put the guard before every request and the headers after it. Call when all callbacks are there."""
    server, settings = app.server, source.context.settings
    server.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    if settings.ui_proxies:
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=settings.ui_proxies, x_proto=0)
    headers = {
        "Content-Security-Policy": policy(app),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    } | ({"Strict-Transport-Security": _HSTS} if settings.ui_https else {})

    known = names(settings)

    def refuse_other_names() -> None:
        host = urlsplit(f"//{request.host}").hostname
        if known and host not in known and request.path not in _OPEN:
            do = "if it is, set JOULECAST_PUBLIC_URL to where it is reached."
            abort(400, f"This server is not called {host or 'that'}; {do}")

    def refuse_strangers() -> None:
        header = request.headers.get("Authorization")
        by_key = request.path.startswith("/api/") and bool(header)  # then no cookie counts: see auth.load
        if (
            request.method in _CHANGING
            and not by_key
            and not same_origin(
                request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"), request.host
            )
        ):
            abort(403, "a request that changes something has to come from a page of this server")

    def admit() -> Answer | None:
        return admitted(source)

    def add_headers(response: Response) -> Response:
        response.headers.update(headers)
        if g.get("joulecast_lapsed", False):
            login.forget(source, response)
        return response

    server.before_request(refuse_other_names)
    server.before_request(refuse_strangers)
    server.before_request(admit)
    server.after_request(add_headers)


def admitted(source: Source) -> Answer | None:
    """None where the request may go on; otherwise the way to the sign-in. Nobody unknown is let through."""
    if request.path in _OPEN or request.path.startswith(_LOOKS):
        return None
    is_machine = request.path.startswith(_MACHINE) or request.method != "GET"
    guests_may = source.context.settings.guests_may_view
    try:
        lapsed = auth.load(source)
    except ServiceError as error:
        only_looks = request.method == "GET" and not request.path.startswith("/api/")
        if guests_may and (only_looks or request.path in login.PATHS):
            return None  # as a guest: what a page is made of says nothing of the plant
        abort(503, f"who asks cannot be found out: {error}")
    if request.path in login.PATHS:
        return None
    if lapsed and is_machine and not request.path.startswith(_PARTS):
        abort(401, "This sign-in is over or this key is not in force. Sign in again.")
    g.joulecast_lapsed = lapsed and not is_machine
    if auth.user().must_change:
        return _sent(login.PASSWORD, 403, "Choose a password of your own first.", is_machine=is_machine)
    if auth.user().role is auth.Role.GUEST and not guests_may:
        return _to_sign_in(source, is_machine=is_machine)
    return None


def _to_sign_in(source: Source, *, is_machine: bool) -> Answer:
    if not is_machine and request.headers.get("Sec-Fetch-Site") == "cross-site":
        return login.again(source)  # a link from elsewhere brings no cookie; its repetition does
    return _sent(login.LOGIN, 401, "Sign in first.", is_machine=is_machine)


def _sent(path: str, status: int, sentence: str, *, is_machine: bool) -> Answer:
    if is_machine:
        abort(status, sentence)
    wanted = request.full_path.rstrip("?")
    return redirect(path if wanted == "/" else f"{path}?{urlencode({'next': wanted})}")

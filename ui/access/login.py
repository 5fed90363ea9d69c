"""Signing in, signing out, choosing a password: plain pages of the server, without scripts."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from flask import Response, make_response, redirect, render_template_string, request

from core.errors import ServiceError
from ui.access import accounts, auth, passwords, sessions

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.wrappers import Response as Answer

    from ui.data import Source

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
PASSWORD: Final = "/password"  # noqa: S105  # an address
PATHS: Final = frozenset({LOGIN, LOGOUT, PASSWORD})
"""Answered whoever asks; each looks itself at who it is."""
_NEXT_MAX: Final = 2000
_FIELD_MAX: Final = 200
_HEAD: Final = """<!DOCTYPE html>
<html lang="en" class="plain">
<head>
  <meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{{ title }} · Joulecast</title>
  <link rel="icon" href="/_favicon.ico">
  <link rel="stylesheet" href="/assets/joulecast.css"><link rel="stylesheet" href="/assets/plain.css">
</head>
<body><main class="panel plain-panel">
  <p class="note">Joulecast · {{ site }}</p>
  <h1>{{ title }}</h1>
  {% if problem %}<p class="notice p2" role="alert" id="problem">▲ {{ problem }}</p>{% endif %}"""
_FOOT: Final = "</main></body></html>"
_LOGIN_PAGE: Final = (
    _HEAD
    + """
  <form method="post" action="/login">
    <input type="hidden" name="next" value="{{ next }}">
    <label for="name">Name</label>
    <input id="name" name="name" value="{{ name }}" autocomplete="username" autocapitalize="none" required
      maxlength="40"{% if not name %} autofocus{% endif %}>
    <label for="password">Password</label>
    <input id="password" name="password" type="password" autocomplete="current-password" required
      {%- if name %} autofocus{% endif %}>
    <button class="btn primary" type="submit">Sign in</button>
  </form>
  <p class="note">No account, or the password is lost? Somebody with the role admin makes a new one.</p>
  {% if guests %}<p><a href="{{ next }}">Look on without signing in</a></p>{% endif %}"""
    + _FOOT
)
_AGAIN_PAGE: Final = """<!DOCTYPE html>
<html lang="en" class="plain"><head><meta charset="utf-8"><title>Joulecast</title>
<meta http-equiv="refresh" content="0; url={{ next }}"></head>
<body><a href="{{ next }}">To the page</a></body></html>"""
_LOGOUT_PAGE: Final = (
    _HEAD
    + """
  {% if user %}<p>You are signed in as <b>{{ user }}</b>, {{ role }}.</p>
  <form method="post" action="/logout"><button class="btn primary" type="submit">Sign out</button></form>
  <p><a href="/password">Choose another password</a> · <a href="/">Back to the plant</a></p>
  {% else %}<p>Nobody is signed in here.</p><p><a href="/login">Sign in</a></p>{% endif %}"""
    + _FOOT
)
_PASSWORD_PAGE: Final = (
    _HEAD
    + """
  {% if must %}<p>The password of <b>{{ user }}</b> was made for you.
    Choose one of your own to go on.</p>{% endif %}
  <form method="post" action="/password">
    <input type="hidden" name="next" value="{{ next }}">
    <input type="hidden" name="username" value="{{ user }}" autocomplete="username">
    <label for="now">Password now</label>
    <input id="now" name="now" type="password" autocomplete="current-password" required autofocus>
    <label for="wanted">New password</label>
    <input id="wanted" name="wanted" type="password" autocomplete="new-password" required
      minlength="{{ least }}" aria-describedby="rule">
    <p class="note" id="rule">At least {{ least }} characters, without your name. A sentence is easy to keep
      in mind.</p>
    <label for="again">New password again</label>
    <input id="again" name="again" type="password" autocomplete="new-password" required
      minlength="{{ least }}">
    <button class="btn primary" type="submit">Change it</button>
  </form>
  <p class="note">You stay signed in here; everywhere else your sign-ins end.</p>"""
    + _FOOT
)


def register(server: Flask, source: Source) -> None:
    """Add the routes."""
    passwords.nobodys()

    @server.get(LOGIN)
    def login_page() -> Answer:
        return _login_page(source, status=200)

    @server.post(LOGIN)
    def login() -> Answer:
        return _sign_in(source)

    @server.get(LOGOUT)
    def logout_page() -> Answer:
        user = auth.user()
        return _page(source, _LOGOUT_PAGE, "Sign out", user=user.name, role=user.role)

    @server.post(LOGOUT)
    def logout() -> Answer:
        return _sign_out(source)

    @server.get(PASSWORD)
    def password_page() -> Answer:
        return _password_page(source) if auth.user().name else _to_login(PASSWORD)

    @server.post(PASSWORD)
    def password() -> Answer:
        return _change(source) if auth.user().name else _to_login(PASSWORD)


def local(wanted: str | None) -> str:
    """Where to go on: an address of this server, or the first page where it is anything else."""
    text = (wanted or "")[:_NEXT_MAX]
    if not text.startswith("/") or text.startswith("//") or "\\" in text:
        return "/"
    if any(unicodedata.category(sign).startswith("C") or sign.isspace() for sign in text):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path in PATHS else text


def again(source: Source) -> Answer:
    """Ask for the same page once more, from here: a browser sends our cookie with no link of another site."""
    return _page(source, _AGAIN_PAGE, "", next=local(request.full_path.rstrip("?")))


def forget(source: Source, answer: Answer) -> None:
    """Take the cookie away."""
    name, is_https = auth.cookie(source), source.context.settings.ui_https
    answer.delete_cookie(name, secure=is_https, httponly=True, samesite="Strict")


def _field(name: str) -> str:
    return request.form.get(name, "")[:_FIELD_MAX]


def _address() -> str:
    return request.remote_addr or ""


def _sign_in(source: Source) -> Answer:
    before = request.cookies.get(auth.cookie(source), "")
    try:
        done = sessions.sign_in(source, _field("name"), _field("password"), _address(), before)
    except ServiceError as error:
        return _login_page(source, f"Nobody can sign in now: {error}.", status=503)
    if not done.session:
        limited = done.problem == sessions.TOO_MANY
        return _login_page(source, done.problem, status=429 if limited else 401)
    wanted = local(request.form.get("next"))
    to = f"{PASSWORD}?{urlencode({'next': wanted})}" if done.must_change else wanted
    return _with_session(source, redirect(to, 303), done.session)


def _sign_out(source: Source) -> Answer:
    name = auth.cookie(source)
    try:
        sessions.sign_out(source, request.cookies.get(name, ""), auth.who())
    except ServiceError as error:
        problem = f"You are signed in still: {error}."
        return _page(
            source,
            _LOGOUT_PAGE,
            "Sign out",
            503,
            problem=problem,
            user=auth.user().name,
            role=auth.user().role,
        )
    answer = redirect(LOGIN, 303)
    forget(source, answer)
    return answer


def _change(source: Source) -> Answer:
    user, now, wanted = auth.user(), _field("now"), _field("wanted")
    problem = passwords.problem(wanted, user.name)
    if not problem and wanted != _field("again"):
        problem = "The new password was not typed the same twice."
    if problem:
        return _password_page(source, problem, status=400)
    try:
        if not sessions.attempt(source, user.name, _address()):
            return _password_page(source, sessions.TOO_MANY, status=429)
        with source.writing() as conn:
            problem = accounts.choose_password(conn, auth.who(), user.name, now, wanted)
            if problem:
                return _password_page(source, problem, status=400)
            sessions.forgive(conn, user.name, _address())
            session = sessions.begin(conn, user.name, _address())
    except ServiceError as error:
        return _password_page(source, f"The password is as it was: {error}.", status=503)
    return _with_session(source, redirect(local(request.form.get("next")), 303), session)


def _with_session(source: Source, answer: Answer, session: str) -> Answer:
    answer.set_cookie(
        auth.cookie(source),
        session,
        max_age=sessions.LONGEST,
        secure=source.context.settings.ui_https,
        httponly=True,
        samesite="Strict",
    )
    return answer


def _to_login(wanted: str) -> Answer:
    return redirect(f"{LOGIN}?{urlencode({'next': wanted})}", 303)


def _login_page(source: Source, problem: str = "", *, status: int) -> Answer:
    return _page(
        source,
        _LOGIN_PAGE,
        "Sign in",
        status,
        problem=problem,
        next=local(request.values.get("next")),
        name=_field("name")[:40],
        guests=source.context.settings.guests_may_view,
    )


def _password_page(source: Source, problem: str = "", *, status: int = 200) -> Answer:
    user = auth.user()
    return _page(
        source,
        _PASSWORD_PAGE,
        "Choose a password",
        status,
        problem=problem,
        user=user.name,
        must=user.must_change,
        least=passwords.LENGTH_MIN,
        next=local(request.values.get("next")),
    )


def _page(source: Source, text: str, title: str, status: int = 200, **values: object) -> Response:
    site = source.context.site.site.name
    body = render_template_string(text, **({"problem": "", "title": title, "site": site} | values))
    answer = make_response(body, status)
    answer.headers["Cache-Control"] = "no-store"
    return answer

"""Signing in, in a real browser: by keyboard, in both themes and on a phone; and a sign-in that ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import people
import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from core import db
from core.clock import SystemClock
from core.jobs import Context
from core.settings import Settings
from ui import app as ui_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request

    from core.site import Site

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser
PHONE_PX = 390


class Silent(WSGIRequestHandler):
    """Leaves no line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


@pytest.fixture
def closed(dsn: str, site: Site) -> Iterator[str]:
    """Address of a console that shows guests nothing."""
    app = ui_app.create_app(Context(Settings(dsn=dsn, ui_guests="none"), site, SystemClock(), dsn))
    server = make_server("127.0.0.1", 0, app.server, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    ui_app.close(app)


def test_by_keyboard_from_the_link_to_the_page_and_out_again(closed: str, page: Page, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    problems: list[str] = []
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    page.goto(f"{closed}/system?tz=UTC")
    assert page.url == f"{closed}/login?next=%2Fsystem%3Ftz%3DUTC"
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#status-storage dl")).to_be_visible()
    assert page.url == f"{closed}/system?tz=UTC"
    expect(page.locator("#who")).to_contain_text("ann")
    page.locator("#who a").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert problems == []


def test_a_page_whose_sign_in_has_ended_says_so_within_ten_seconds(closed: str, page: Page, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    people.enter(page, closed, "ann")
    expect(page.locator("#who")).to_contain_text("ann")
    with db.connect(dsn) as conn:
        conn.execute("UPDATE app_user SET disabled_at = now() WHERE user_name = 'ann'")
    expect(page.locator("#banner")).not_to_be_empty(timeout=10_000)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_link_in_a_message_leads_to_the_page_whoever_is_signed_in(
    closed: str, page: Page, dsn: str
) -> None:
    people.account(dsn, "ann", "operator")
    people.enter(page, closed, "ann")
    link = f'<a href="{closed}/system?units=ip">See the card</a>'
    page.route("http://mail.example/", lambda route: route.fulfill(body=link, content_type="text/html"))
    page.goto("http://mail.example/")
    page.get_by_text("See the card").click()
    expect(page.locator("#status-storage dl")).to_be_visible()
    expect(page.locator("#who")).to_contain_text("ann")
    assert page.url == f"{closed}/system?units=ip"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_plain_pages_fit_a_phone_and_ask_nobody_else(
    closed: str, browser: Browser, dsn: str, scheme: str
) -> None:
    people.account(dsn, "ann", "operator")
    context = browser.new_context(
        viewport={"width": PHONE_PX, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page, asked, problems = context.new_page(), [], []

    def ask(request: Request) -> None:
        asked.append(request.url)

    page.on("request", ask)
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    page.goto(f"{closed}/login")
    background = page.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor")
    assert background == {"light": "rgb(243, 244, 245)", "dark": "rgb(37, 42, 48)"}[scheme]
    page.fill("#name", "ann")
    page.fill("#password", people.PASSWORD)
    for path in ("/login", "/password", "/logout"):
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_PX, path
        unlabelled = (
            "[...document.querySelectorAll('input:not([type=hidden])')].filter(i => !i.labels.length).length"
        )
        assert page.evaluate(unlabelled) == 0, path
        if path == "/login":
            page.keyboard.press("Enter")
            page.wait_for_url(f"{closed}/")
        page.goto(f"{closed}{'/password' if path == '/login' else '/logout'}")
    assert all(url.startswith(closed) for url in asked)
    assert problems == []

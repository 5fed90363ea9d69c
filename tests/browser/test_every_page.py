"""Every page x light, dark x desk, phone: no console error, nothing off the machine, nothing for axe to say.

A page that is added to `ui.pages.PAGES` is gone through with the others.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import people
import pytest
from test_pages import OVERFLOW_PX, PHONE_PX, SITE_FILE, Ui, Watched, seed, served, watched

from core import db
from core.jobs import Context
from core.settings import Settings
from ui.access.auth import PERMISSIONS, Role
from ui.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from core.site import Site
    from ui.page import Page as Shown

expect = pytest.importorskip("playwright.sync_api").expect
axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DESK_PX: Final = 1440
LOOKS: Final = tuple((scheme, width) for width in (DESK_PX, PHONE_PX) for scheme in ("light", "dark"))
GRAVE: Final = frozenset({"serious", "critical"})
COUNTING: Final = """(() => {
  const ask = window.fetch;
  let open = 0, at = performance.now();
  window.fetch = (...asked) => {
    open += 1;
    return ask(...asked).finally(() => { open -= 1; at = performance.now(); });
  };
  window.settled = () => open === 0 && performance.now() - at > 500
    && !document.querySelector(".js-plotly-plot:not(:has(.main-svg)), [data-dash-is-loading]");
})();"""
"""Says when the page has asked for nothing for a while and its charts are painted."""
PAINTED: Final = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => Promise.allSettled(document.getAnimations().map((a) => a.finished)).then(() => done(true)))))"""


@pytest.fixture(scope="module")
def rich(module_dsn: str, site: Site) -> Iterator[Ui]:
    """With something on every page: a calibration, alarms, a setpoint that is held, a forecaster's scores."""
    now = datetime.now(UTC)
    with served(module_dsn, site) as found:
        with db.connect(module_dsn) as conn:
            seed.forecaster(conn, site, now)
            seed.held(conn, site, now - timedelta(hours=2), now)
            for priority in (1, 2, 3, 4):
                db.rows(
                    conn, "twin_raise_alarm", site=site.id, source=f"write.failed.{priority}",
                    priority=priority, message=f"recommendation {priority} was not applied: refused",
                    action="Look at the gateway", now=now - timedelta(minutes=priority),
                )  # fmt: skip
        for name, role in (("ann", "engineer"), ("root", "admin")):
            people.account(module_dsn, name, role)
        settings = Settings(dsn=module_dsn, site_file=SITE_FILE)
        jobs = pytest.importorskip("twin.jobs")
        jobs.calibrate_site(Context(settings, site, settings.make_clock(), module_dsn))
        yield found


def entered(rich: Ui, browser: Browser, name: str = "") -> Watched:
    """Somebody's browser; without a name, a guest's."""
    found = watched(browser)
    found.page.context.add_init_script(COUNTING)
    if name:
        people.enter(found.page, rich.url, name)
    return found


def refresh(rich: Ui) -> None:
    """The plant has just sent everything once more."""
    with db.connect(rich.dsn) as conn:
        conn.execute("UPDATE reading_latest SET time = now()")


def settle(page: Page) -> None:
    """Wait until the page has what it shows."""
    page.wait_for_function("() => window.settled()")
    page.evaluate(PAINTED)


def wide(page: Page) -> str:
    """What is wider than the window; nothing where the page does not scroll sideways."""
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return f"{width} px too wide" if width > OVERFLOW_PX else ""


def grave(page: Page) -> list[str]:
    """What axe calls serious or critical, where, and how to mend it."""
    return [
        f"{found['id']}, {found['impact']}: {[node['target'] for node in found['nodes']][:4]}"
        f" {found['nodes'][0]['failureSummary']}"
        for found in axe.run(page).response["violations"]
        if found["impact"] in GRAVE
    ]


def looked_at(found: Watched, name: str, folder: Path, *, whole: bool = True) -> list[str]:
    """What is wrong with the page that is open, in every look; a picture of each, whole or of the window."""
    wrong: list[str] = []
    for scheme, width in LOOKS:
        found.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found.page.set_viewport_size({"width": width, "height": 1000})
        found.page.evaluate(PAINTED)
        faults = [*grave(found.page), *filter(None, [wide(found.page)])]
        wrong += [f"{name} {scheme} {width}: {fault}" for fault in faults]
        found.page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=whole)
    return wrong


def gone_through(found: Watched, rich: Ui, pages: list[Shown], folder: Path) -> list[str]:
    """What is wrong with these pages, all of it."""
    wrong: list[str] = []
    for page in pages:
        name = page.path.strip("/") or "overview"
        found.page.set_viewport_size({"width": DESK_PX, "height": 1000})
        refresh(rich)
        found.page.goto(rich.url + page.path)
        expect(found.page.locator("#page h1")).to_have_count(1)
        expect(found.page.locator("#data-age")).to_contain_text("old")
        settle(found.page)
        expect(found.page.locator("#banner")).to_be_empty()
        broken = found.page.locator("#page .empty.failed").all_inner_texts()
        wrong += [f"{name}: {text}" for text in broken]
        sharing = "[data-title*='Share'], [data-title*='cloud' i], a[href*='plot.ly'], a[href*='plotly.com']"
        wrong += [f"{name}: a button shares"] * found.page.locator(sharing).count()
        wrong += looked_at(found, name, folder)
    wrong += [f"console: {text}" for text in found.errors]
    wrong += [f"off the machine: {url}" for url in found.offsite]
    return wrong


def seen_by(role: Role) -> list[Shown]:
    return [page for page in PAGES if role in PERMISSIONS[page.permission]]


def test_every_page_that_an_engineer_sees(rich: Ui, browser: Browser, tmp_path: Path) -> None:
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    found = entered(rich, browser, "ann")
    wrong = gone_through(found, rich, seen_by(Role.ENGINEER), folder)
    assert not wrong, "\n".join(wrong)


def test_every_page_that_only_an_admin_sees(rich: Ui, browser: Browser, tmp_path: Path) -> None:
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    found = entered(rich, browser, "root")
    pages = [page for page in seen_by(Role.ADMIN) if page not in seen_by(Role.ENGINEER)]
    assert pages
    wrong = gone_through(found, rich, pages, folder)
    assert not wrong, "\n".join(wrong)


def test_a_guest_is_told_why_a_page_is_not_shown(rich: Ui, browser: Browser, tmp_path: Path) -> None:
    found = entered(rich, browser)
    wrong: list[str] = []
    pages = [page for page in PAGES if page not in seen_by(Role.GUEST)]
    assert pages
    found.page.goto(rich.url)
    expect(found.page.locator("nav .here")).to_have_count(1)
    for page in pages:
        expect(found.page.locator(f"#{page.link_id}")).to_be_hidden()
    for page in pages:
        found.page.goto(rich.url + page.path)
        expect(found.page.locator("#page")).to_contain_text(
            f"{page.name}\n⊘ Sign in as ", use_inner_text=True
        )
        settle(found.page)
    wrong += looked_at(found, "denied", tmp_path)
    assert not wrong, "\n".join(wrong)
    assert found.errors == []


DIALOGS: Final = {
    "keys": ("/", "#keys-open", "#keys-close"),
    "hold": ("/", "#hold-open", "#hold-confirm"),
    "accept": ("/recommendations", "#accept-open", "#act-confirm"),
    "reject": ("/recommendations", "#reject-open", "#act-confirm"),
    "modify": ("/recommendations", "#modify-open", "#modify-confirm"),
    "shelve": ("/alarms", "#alarms-list button:has-text('Shelve')", "#alarms-confirm"),
}
"""By name: where it is, what opens it, what is in it."""


def test_every_dialog(rich: Ui, browser: Browser, tmp_path: Path) -> None:
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    found = entered(rich, browser, "ann")
    wrong: list[str] = []
    for name, (path, button, inside) in DIALOGS.items():
        found.page.set_viewport_size({"width": DESK_PX, "height": 1000})
        refresh(rich)
        found.page.goto(rich.url + path)
        settle(found.page)
        found.page.locator(button).first.click()
        expect(found.page.locator(inside)).to_be_visible()
        settle(found.page)
        wrong += looked_at(found, f"dialog-{name}", folder, whole=False)
    assert not wrong, "\n".join(wrong)
    assert found.errors == []

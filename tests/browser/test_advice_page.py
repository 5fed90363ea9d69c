"""Deciding in a real browser: accept, two at once, HOLD, snooze, revert; and how the page looks."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import people
import pytest
from test_pages import OVERFLOW_PX, PHONE_PX, SITE_FILE, STEP, Ui, Watched, seed, ui, watched

from core import db
from core.jobs import Context
from core.settings import Settings
from ui.poll import TICK_MS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser

__all__ = ["ui"]


def opened(served: Ui, browser: Browser, name: str = "ann") -> Page:
    """The page of an engineer who is signed in, as soon as there is something to decide."""
    page = signed_in(served, watched(browser), name)
    expect(page.locator("#reject-open")).to_be_visible()
    return page


def signed_in(served: Ui, found: Watched, name: str = "ann", wanted: str = "/recommendations") -> Page:
    """Somebody opens a page and signs in."""
    with db.connect(served.dsn) as conn:
        known = conn.execute("SELECT FROM app_user WHERE user_name = %s", (name,)).fetchone()
    if known is None:
        people.account(served.dsn, name, "engineer")
    people.enter(found.page, served.url, name, wanted)
    return found.page


def state(served: Ui, of: int) -> str:
    with db.connect(served.dsn) as conn:
        row = conn.execute("SELECT state FROM recommendation WHERE recommendation_id = %s", (of,)).fetchone()
    assert row
    return str(row["state"])


def test_accepting_restates_the_value_and_cancel_has_the_focus(ui: Ui, browser: Browser) -> None:
    page = watched(browser).page
    page.goto(f"{ui.url}/recommendations")
    expect(page.locator("#recommendation-state")).to_have_text("proposed")
    expect(page.locator("#accept-open")).to_be_disabled()
    expect(page.locator("#accept-open")).to_have_attribute("title", re.compile("Sign in as engineer"))
    page = opened(ui, browser)
    page.click("#accept-open")
    expect(page.locator("#act-text")).to_contain_text("Raise supply air temperature 20.0 → 21.0 °C")
    expect(page.locator("#act-text")).to_contain_text("version 1")
    expect(page.locator("#act-text")).to_contain_text("for 24 h under a lease")
    expect(page.locator("#act-cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#act-confirm")).to_have_count(0)
    expect(page.locator("#recommendation-state")).to_have_text("proposed")
    page.click("#accept-open")
    page.click("#act-confirm")
    said = page.locator("#advice-result")
    expect(said).not_to_be_empty(timeout=20_000)
    assert state(ui, ui.seeded.proposed) != "proposed" or "Not done" in said.inner_text()
    page.context.close()


def test_a_card_that_changes_under_the_dialog_is_not_the_one_that_is_acted_on(
    ui: Ui, browser: Browser
) -> None:
    page = opened(ui, browser)
    page.click("#reject-open")
    page.fill("#act-reason", "not now")
    now = datetime.now(UTC)
    with db.connect(ui.dsn) as conn:
        seed.transition(conn, ui.seeded.proposed, "superseded", now, "joulecast", "another saves more")
        newer = seed.recommendation(conn, ui.site, now, to_c=20.5)
    expect(page.locator("#advice-card")).to_contain_text(f"Recommendation {newer}")
    page.click("#act-confirm")
    expect(page.locator("#advice-result")).to_contain_text("Not done")
    assert state(ui, newer) == "proposed"
    page.context.close()


def test_rejecting_needs_a_reason_and_puts_it_on_record(ui: Ui, browser: Browser) -> None:
    page = opened(ui, browser)
    page.click("#reject-open")
    page.click("#act-confirm")
    expect(page.locator("#act-problem")).to_contain_text("Say why")
    page.fill("#act-reason", "maintenance until noon")
    page.click("#act-confirm")
    expect(page.locator("#recommendation-state")).to_have_text("rejected")
    page.locator("details.history", has_text="rejected").first.click()
    expect(page.locator("#advice-history")).to_contain_text("ann: maintenance until noon")
    page.context.close()


def test_of_two_who_click_at_once_one_wins_and_the_other_is_told(ui: Ui, browser: Browser) -> None:
    ann, ben = opened(ui, browser, "ann"), opened(ui, browser, "ben")
    for page in (ann, ben):
        page.click("#reject-open")
        page.fill("#act-reason", "I say so")
    for page in (ann, ben):
        page.click("#act-confirm", no_wait_after=True)
    for page in (ann, ben):
        expect(page.locator("#advice-result")).not_to_be_empty()
    told = [page.locator("#advice-result").inner_text() for page in (ann, ben)]
    assert sum("is rejected" in text for text in told) == 1, told
    assert sum("has changed meanwhile" in text for text in told) == 1, told
    with db.connect(ui.dsn) as conn:
        row = conn.execute(
            "SELECT count(*) AS n FROM recommendation_event WHERE recommendation_id = %s"
            " AND to_state = 'rejected'",
            (ui.seeded.proposed,),
        ).fetchone()
    assert row == {"n": 1}
    for page in (ann, ben):
        page.context.close()


def test_snoozing_takes_one_click(ui: Ui, browser: Browser) -> None:
    page = opened(ui, browser)
    page.click("#snooze-1")
    expect(page.locator("#advice-result")).to_contain_text("Put off; it comes back")
    expect(page.locator("#recommendation-state")).to_have_text("snoozed")
    assert state(ui, ui.seeded.proposed) == "snoozed"
    page.context.close()


def test_hold_stops_everything_from_any_page_and_everybody_sees_it(ui: Ui, browser: Browser) -> None:
    now = datetime.now(UTC)
    with db.connect(ui.dsn) as conn:
        held = seed.held(conn, ui.site, now - timedelta(hours=2), now)
    other = opened(ui, browser, "ben")
    page = signed_in(ui, watched(browser), wanted="/")
    page.click("#hold-open")
    expect(page.locator("#hold-text")).to_contain_text("goes back to the plant's own control")
    page.click("#hold-confirm")
    expect(page.locator("#hold-result")).to_contain_text("Say why")
    page.fill("#hold-reason", "smoke in hall 2")
    page.click("#hold-confirm")
    for each in (page, other):
        expect(each.locator("#hold-notice")).to_contain_text("by ann: smoke in hall 2")
        expect(each.locator("#hold-open")).to_have_text("Resume advice")
    assert state(ui, ui.seeded.proposed) == "withdrawn"
    assert state(ui, held) == "reverting"
    page.click("#hold-open")
    expect(page.locator("#hold-reason")).to_have_value("")
    page.fill("#hold-reason", "false alarm")
    page.click("#hold-confirm")
    expect(other.locator("#hold-open")).to_have_text("HOLD EVERYTHING")
    for each in (page, other):
        each.context.close()


def test_what_is_held_can_be_taken_back(ui: Ui, browser: Browser) -> None:
    now = datetime.now(UTC)
    with db.connect(ui.dsn) as conn:
        held = seed.held(conn, ui.site, now - timedelta(hours=2), now)
    page = opened(ui, browser)
    page.locator("#advice-hand button").click()
    expect(page.locator("#act-text")).to_contain_text("has it back at once: 20.0 °C")
    page.fill("#act-reason", "hall 2 is warm")
    page.click("#act-confirm")
    expect(page.locator("#advice-result")).to_contain_text("goes back to the plant's own control")
    assert state(ui, held) == "reverting"
    page.context.close()


def test_a_press_is_not_lost_where_answers_take_a_while(ui: Ui, browser: Browser) -> None:
    now = datetime.now(UTC)
    with db.connect(ui.dsn) as conn:
        seed.held(conn, ui.site, now - timedelta(hours=2), now)
    page = opened(ui, browser)
    slow = {"offline": False, "latency": 1200, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    for _ in range(3):
        for button in ("#reject-open", "#advice-hand button"):
            page.locator(button).click()
            expect(page.locator("#act-confirm")).to_be_visible()
            page.locator("#act-cancel").click()
            expect(page.locator("#act-confirm")).to_have_count(0)
    page.context.close()


def test_the_objective_can_be_chosen_while_the_page_ticks(ui: Ui, browser: Browser) -> None:
    page = opened(ui, browser)
    page.click("#objective")
    page.wait_for_timeout(2 * TICK_MS)
    page.get_by_role("option", name="Carbon (kgCO₂)").click()
    page.wait_for_timeout(2 * TICK_MS)
    expect(page.locator("#objective")).to_have_value("Carbon (kgCO₂)")
    page.click("#objective-open")
    page.fill("#act-reason", "the grid is dirty at night")
    page.click("#act-confirm")
    expect(page.locator("#advice-result")).to_contain_text("advice saves carbon")
    page.locator("#advice-authority button").first.click()
    expect(page.locator("#act-reason")).to_have_value("")
    page.context.close()


def test_authority_is_taken_away_at_once(ui: Ui, browser: Browser) -> None:
    page = opened(ui, browser)
    row = page.locator("#advice-authority tr", has_text="Supply air temperature")
    row.locator("button", has_text="To ADVISORY").click()
    page.fill("#act-reason", "a sensor drifts")
    page.click("#act-confirm")
    expect(row).to_contain_text("an operator sets the plant by hand")
    page.context.close()


def test_the_whole_page_in_both_themes_and_on_a_phone(ui: Ui, browser: Browser, tmp_path: Path) -> None:
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    now = datetime.now(UTC)
    with db.connect(ui.dsn) as conn:
        seed.held(conn, ui.site, now - timedelta(hours=2), now)
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", PHONE_PX)):
        found = watched(browser, scheme, width)
        signed_in(ui, found)
        expect(found.page.locator("#advice-authority")).to_contain_text("Supply air")
        expect(found.page.locator("#advice-plan")).to_contain_text("economizer")
        expect(found.page.locator("#advice-savings")).to_contain_text("3 days, verified")
        expect(found.page.locator("#advice-plan .legendtext").first).to_have_text("supply air temperature")
        wide = found.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width + OVERFLOW_PX, f"{wide} px wide"
        found.page.screenshot(path=folder / f"advice-{scheme}-{width}.png", full_page=True)
        found.page.click("#accept-open")
        expect(found.page.locator("#act-confirm")).to_be_visible()
        found.page.screenshot(path=folder / f"advice-dialog-{scheme}-{width}.png")
        assert found.errors == []
        assert found.offsite == []
        found.page.context.close()


def test_a_day_is_replayed_with_advice(ui: Ui, browser: Browser, tmp_path: Path) -> None:
    jobs = pytest.importorskip("twin.jobs")
    now = datetime.now(UTC)
    with db.connect(ui.dsn) as conn:
        seed.readings(conn, ui.site, now - timedelta(days=3), now - timedelta(hours=31), STEP)
    settings = Settings(dsn=ui.dsn, site_file=SITE_FILE)
    jobs.calibrate_site(Context(settings, ui.site, settings.make_clock(), ui.dsn))
    with db.connect(ui.dsn) as conn:
        conn.execute("UPDATE calibration SET created_at = created_at - interval '3 days'")
    folder = Path(os.environ.get("JOULECAST_SCREENSHOTS", tmp_path))
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", PHONE_PX)):
        found = watched(browser, scheme, width)
        page = found.page
        page.goto(f"{ui.url}/replay")
        page.click("#advised-run")
        expect(page.locator("#advised-said")).to_contain_text("with advice", timeout=30_000)
        rows = page.locator("#advised-lanes tbody tr").all_inner_texts()
        names = ["As operated", "Guideline 36 resets", "Advised, as known then", "Perfect foresight"]
        assert [row.split("\t")[0].strip() for row in rows] == names
        expect(page.locator("#advised-lanes")).to_contain_text("foresight asks the same twin")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width + OVERFLOW_PX
        page.screenshot(path=folder / f"advised-{scheme}-{width}.png", full_page=True)
        assert found.errors == []
        page.context.close()

"""The Alarms page: what it shows of each alarm, what people can do, how the figures come about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import seed
from looking import acting, seen
from test_ui_site import text

from core import audit, db
from core.alarms import State, Verb
from ui import actions, view
from ui.components import alarms as parts
from ui.data import alarms
from ui.data.overview import standing
from ui.data.source import open_source
from ui.data.status import AlarmCount, alarm_counts
from ui.pages import alarms as page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.clock import ManualClock
    from core.jobs import Context
    from ui.data import Source

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ours(context: Context) -> Iterator[Source]:
    """On a database with a few readings."""
    with db.connect(context.dsn) as conn:
        seed.readings(conn, context.site, context.clock.now() - 2 * MINUTE, context.clock.now())
    source = open_source(context)
    yield source
    source.close()


def raised(source: Source, of: str, priority: int = 2, ago: timedelta = MINUTE) -> int:
    with db.connect(source.context.dsn) as conn:
        db.rows(
            conn, "twin_raise_alarm", site=source.context.site.id, source=of, priority=priority,
            message=f"{of} is ill", action=f"See to {of}", now=source.now - ago,
        )  # fmt: skip
        row = conn.execute("SELECT max(alarm_id) AS n FROM alarm").fetchone()
    assert row
    return int(row["n"])


def cleared(source: Source, of: str, ago: timedelta = timedelta()) -> None:
    with db.connect(source.context.dsn) as conn:
        db.rows(
            conn, "twin_clear_alarm", site=source.context.site.id, source=of, now=source.now - ago
        )  # fmt: skip


def shown(source: Source, element: str, search: str = "") -> str:
    return text(seen(source, page.PAGE, search)[f"alarms-{element}", "children"])


def state(source: Source, number: int) -> State:
    return next(a.state for a in alarms.alarms(source, number) if a.alarm_id == number)


def test_an_empty_page_says_that_nothing_asks_for_anybody(ours: Source) -> None:
    assert shown(ours, "list") == page._NONE
    assert "No alarm has been raised yet" in shown(ours, "figures")
    assert shown(ours, "history") == "Nothing happened in this time."
    assert seen(ours, page.PAGE)["alarms-ack-all", "disabled"] is True


def test_the_gravest_and_unacknowledged_come_first_and_notifications_apart(ours: Source) -> None:
    known, urgent = raised(ours, "write.failed.1"), raised(ours, "advise.inlet.4", 1)
    new = raised(ours, "bms.offline.x", 2, HOUR)
    raised(ours, "reading.flat.rack-1/inlet", 3)
    with acting():
        assert actions.alarm(ours, known, Verb.ACKNOWLEDGE, "Ann", "seen").ok
    assert [a.alarm_id for a in alarms.alarms(ours) if a.kind == "alarm"] == [urgent, new, known]
    listed = shown(ours, "list")
    assert "◆ P1" in listed
    assert "reading.flat" not in listed
    assert "reading.flat" in shown(ours, "notes")


def test_a_row_says_what_to_do_why_until_when_and_what_is_measured(ours: Source) -> None:
    raised(ours, "advise.inlet.4", 1)
    said = shown(ours, "list")
    for part in (
        "See to advise.inlet.4", "5 min · operator", "Servers slow down", "An advised setpoint",
        "measured", "limit 32.0 °C", "NEW",
    ):  # fmt: skip
        assert part in said, part
    assert "limit 89.6 °F" in shown(ours, "list", "?units=ip")
    raised(ours, "advise.inlet.5", 2)
    assert "limit 27.0 °C" in shown(ours, "list"), "the recommended one"


def test_a_dead_value_is_not_shown_as_measured(ours: Source, clock: ManualClock) -> None:
    ref = str(ours.context.site.sensors.rack_inlet[2])
    raised(ours, f"reading.silent.{ref}")
    raised(ours, "advise.inlet.4")
    alive = [a.value for a in alarms.alarms(ours)]
    assert all(value and value.alive for value in alive)
    with db.connect(ours.context.dsn) as conn:
        conn.execute("UPDATE reading_latest SET status = 32768")
    ours.forget_all()
    assert f"—, {ref} is marked bad" in shown(ours, "notes")
    clock.advance(HOUR)
    assert f"{ref} is stale" in shown(ours, "notes")
    assert "no rack inlet is fresh" in shown(ours, "list")
    assert "°C, measured" not in shown(ours, "notes") + shown(ours, "list")


def test_somebody_may_acknowledge_one_or_all_that_were_shown(ours: Source) -> None:
    first, second = raised(ours, "write.failed.1"), raised(ours, "write.failed.2")
    with acting("Ann", "operator"):
        store = seen(ours, page.PAGE)["alarms-seen", "data"]
        later = raised(ours, "write.failed.3")
        assert page.acknowledged(ours, [first]) == f"Alarm {first}: acknowledged by Ann."
        assert "another state" in page.acknowledged(ours, [first])
        assert page.acknowledged(ours, store).startswith("1 acknowledged by Ann. Alarm")
    assert [state(ours, n) for n in (first, second, later)] == [
        State.ACKNOWLEDGED, State.ACKNOWLEDGED, State.UNACKNOWLEDGED,
    ]  # fmt: skip


def test_what_is_done_to_an_alarm_is_on_record(ours: Source) -> None:
    number = raised(ours, "write.failed.1")
    with acting("Ann", "operator"):
        page.acknowledged(ours, [number])
        page.acknowledged(ours, [number])  # is none any more
        page.confirmed(ours, {"id": {"of": number, "verb": "shelve"}}, "a filter is changed", "1")
    with db.connect(ours.context.dsn) as conn:
        found = [(e.actor, e.what, e.object, e.reason) for e in audit.listed(conn, audit.Filter(), 9)]
    assert found == [
        ("Ann", "alarm.shelve", f"alarm {number}", "a filter is changed"),
        ("Ann", "alarm.acknowledge", f"alarm {number}", "seen on the page"),
    ]


def test_a_database_that_breaks_off_is_said_so(ours: Source) -> None:
    number = raised(ours, "write.failed.1")
    seed.breaks_off(ours.context.dsn, "alarm_event")
    with acting("Ann", "operator"):
        assert page.acknowledged(ours, [number]).startswith("The database broke off: it may have been done.")
    assert state(ours, number) is State.UNACKNOWLEDGED


@pytest.mark.parametrize("sent", [None, "x", [], ["1"], [None], {"of": 1}])
def test_nonsense_from_a_browser_acknowledges_nothing(ours: Source, sent: Any) -> None:
    assert page.acknowledged(ours, sent) == "There is nothing to acknowledge."
    assert page._number(sent) is None
    assert page.confirmed(ours, sent, "why", "1")["result"] == page._GONE


def test_an_alarm_that_is_over_stays_until_somebody_has_seen_it(ours: Source) -> None:
    number = raised(ours, "write.failed.1", ago=HOUR)
    cleared(ours, "write.failed.1", ago=HOUR / 2)
    said = shown(ours, "list")
    assert "OVER, not acknowledged" in said
    assert ", for 30 min" in said
    with acting():
        page.acknowledged(ours, [number])
    assert shown(ours, "list") == page._NONE


def test_shelving_takes_a_reason_and_a_time_and_ends_by_itself(ours: Source, clock: ManualClock) -> None:
    number = raised(ours, "write.failed.1")
    pressed = {"id": {"type": "alarm-do", "of": number, "verb": "shelve"}}
    with acting("Ann", "operator"):
        question = page.asked(ours, pressed)
        assert (question["opened"], question["long"]) == (True, False)
        assert "Say why" in page.confirmed(ours, question["asked"], " ", "1")["problem"]
        assert "Choose how long" in page.confirmed(ours, question["asked"], "cleaned", "9")["problem"]
        done = page.confirmed(ours, question["asked"], "cleaned", "1")
    assert done["result"] == f"Alarm {number}: shelved by Ann."
    assert shown(ours, "list") == page._NONE
    aside = shown(ours, "aside")
    assert "by Ann: cleaned" in aside
    assert "Bring back…" in aside
    clock.advance(HOUR)
    assert "NEW" in shown(ours, "list"), "even where no service has brought it back"


def test_bringing_back_and_comments(ours: Source) -> None:
    number = raised(ours, "write.failed.1")
    with acting():
        ask = {"id": {"of": number, "verb": "shelve"}}
        page.confirmed(ours, ask, "cleaned", "8")
        page.confirmed(ours, {"id": {"of": number, "verb": "comment"}}, "called the plant", None)
        page.confirmed(ours, {"id": {"of": number, "verb": "restore"}}, "it is clean", None)
    assert state(ours, number) is State.UNACKNOWLEDGED
    assert "Ann: called the plant" in shown(ours, "list")
    one = shown(ours, "one", f"?alarm={number}")
    for part in ("raised", "shelved", "comment", "came back", "it is clean"):
        assert part in one


def test_who_may_not_has_dead_buttons_with_the_reason(ours: Source) -> None:
    raised(ours, "write.failed.1")
    with acting("", ""):
        found = seen(ours, page.PAGE)
        assert found["alarms-ack-all", "disabled"] is True
        assert "Sign in as" in found["alarms-ack-all", "title"]
        (row,) = found["alarms-list", "children"].children
        assert all(button.disabled and "Sign in as" in button.title for button in row.children[2].children)


def test_the_address_shows_one_alarm_even_when_it_is_over(ours: Source) -> None:
    number = raised(ours, "write.failed.1")
    with acting():
        page.acknowledged(ours, [number])
    cleared(ours, "write.failed.1")
    assert "normal: write.failed.1 is ill" in shown(ours, "one", f"?alarm={number}")
    assert "no such alarm" in shown(ours, "one", "?alarm=999")
    assert not shown(ours, "one", "?alarm=x")
    with view.use(view.parse(f"?units=ip&alarm={number}", ours.context.site, page.PAGE.keys)):
        assert page._links([7]) == {7: "/alarms?units=ip&alarm=7"}


def test_figures_are_counted_from_what_is_on_record(ours: Source) -> None:
    """Fifteen in one window of ten minutes, three of one source within a minute, one that stands for days."""
    raised(ours, "bms.offline.x", 1, ago=2 * DAY)
    for i in range(12):
        raised(ours, f"write.failed.{i}", 3, ago=2 * HOUR)
    for i in range(3):
        raised(ours, "write.broker", 2, ago=2 * HOUR - i * timedelta(seconds=30))
        cleared(ours, "write.broker", ago=2 * HOUR - i * timedelta(seconds=30) - timedelta(seconds=9))
    raised(ours, "reading.flat.a/b", 3, ago=2 * HOUR)
    found = alarms.figures(ours, ours.now - 7 * DAY, ours.now)
    assert found
    assert found.start == ours.now - 2 * DAY
    assert (found.raised, found.windows, found.floods, found.most) == (16, 288, 1, 15)
    assert found.per_day == pytest.approx(8.0)
    assert found.per_window == pytest.approx(16 / 288)
    assert (found.bad_actors[0].source, found.bad_actors[0].raised) == ("write.broker", 3)
    assert len(found.bad_actors) == 10
    assert found.bad_ratio == pytest.approx(12 / 16)
    assert found.chattering == ("write.broker",)
    assert found.stale == ("bms.offline.x",)
    assert found.mix == {1: 1, 2: 3, 3: 12}
    said = text(parts.figure_table(found))
    assert "1: write.broker" in said
    assert "▲ missed" in said


def test_windows_are_of_the_clock_so_that_figures_do_not_change_by_themselves(
    ours: Source, clock: ManualClock
) -> None:
    raised(ours, "bms.offline.x", 1, ago=8 * DAY)
    for i in range(12):  # from 09:44 to 09:55: six before 09:50, six from then on
        raised(ours, f"write.failed.{i}", 3, ago=2 * HOUR + 16 * MINUTE - i * MINUTE)
    said = []
    for _ in range(5):
        found = alarms.figures(ours, ours.now - 7 * DAY, ours.now)
        assert found
        said.append((found.raised, found.floods, found.most))
        assert found.start.minute % 10 == 0
        assert found.windows == 7 * 144 + (ours.now.minute % 10 > 0)
        clock.advance(2 * MINUTE)
    assert set(said) == {(12, 0, 6)}


def test_what_is_shelved_when_it_is_raised_counts_for_nothing(ours: Source) -> None:
    number = raised(ours, "write.failed.1", ago=3 * HOUR)
    with db.connect(ours.context.dsn) as conn:
        start, until = ours.now - 3 * HOUR, ours.now + HOUR
        conn.execute("SELECT alarm_act(%s, 'shelve', %s, 'Ann', 'why', %s)", (number, start + MINUTE, until))
    cleared(ours, "write.failed.1", ago=2 * HOUR)
    raised(ours, "write.failed.1", ago=HOUR)
    found = alarms.figures(ours, ours.now - DAY, ours.now)
    assert found
    assert found.raised == 1


def test_history_is_of_the_period_in_the_address(ours: Source) -> None:
    raised(ours, "write.failed.1", ago=3 * DAY)
    raised(ours, "write.failed.2", ago=HOUR)
    assert "write.failed.1" in shown(ours, "history")
    assert "write.failed.1" not in shown(ours, "history", "?range=1d")


def test_the_header_counts_alarms_that_ask_for_somebody(ours: Source) -> None:
    number = raised(ours, "write.failed.1")
    raised(ours, "write.failed.2")
    raised(ours, "reading.flat.a/b", 3)
    with acting():
        page.confirmed(ours, {"id": {"of": number, "verb": "shelve"}}, "cleaned", "1")
    assert alarm_counts(ours) == (AlarmCount(2, 1, 1),)


def test_a_time_on_the_shelf_is_over_everywhere_without_a_service(ours: Source, clock: ManualClock) -> None:
    number = raised(ours, "write.failed.1")
    with acting():
        page.confirmed(ours, {"id": {"of": number, "verb": "shelve"}}, "cleaned", "1")
    assert (alarm_counts(ours), standing(ours)) == ((), ())
    clock.advance(timedelta(hours=1))
    assert alarm_counts(ours) == (AlarmCount(2, 1, 1),)
    assert [(one.alarm_id, one.state) for one in standing(ours)] == [(number, "unacknowledged")]

"""The recommendations page without a browser: what it shows, what it offers, what it checks and hands on."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import people
import pytest
import seed
from dash import no_update
from looking import acting, seen
from plotly.utils import PlotlyJSONEncoder

from core import db, moves
from core.actions import Authority, Setpoint, State
from twin.advise import limits
from twin.advise.ledger import Total
from twin.advise.promise import Promise
from ui import actions, deciding, figures, hold
from ui.components import advice as parts
from ui.components import conduct as conduct_parts
from ui.components import savings as saving_parts
from ui.data import advice
from ui.data.conduct import Conduct, Trust
from ui.data.savings import Savings
from ui.pages import recommendations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dash import Dash

    from core.clock import ManualClock
    from core.jobs import Context
    from ui.data import Source

ZONE = ZoneInfo("Europe/Amsterdam")
NOTHING: dict[str, Any] = {"seen": None, "asked": None, "reason": "", "objective": "cost"}


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def shown(source: Source) -> advice.Recommendation:
    top = advice.top(advice.recommendations(source))
    assert top
    return top


def look(source: Source, pin: int | None = None) -> dict[str, Any]:
    """The page: by name, what its element holds; of a button, whether it is hidden."""
    found = seen(source, recommendations.PAGE, f"?card={pin}" if pin else "")
    named = {
        element.removeprefix("advice-"): value for (element, prop), value in found.items() if prop != "title"
    }
    hidden = {name: found[recommendations.button_id(name), "hidden"] for name in recommendations.BUTTONS}
    return {**named, **hidden, "state": named["recommendation-state"]}


@pytest.fixture(autouse=True)
def _signed_in() -> Iterator[None]:
    with acting("Ann", "engineer"):
        yield


def move(context: Context, of: int, *states: str) -> None:
    with db.connect(context.dsn) as conn:
        for state in states:
            seed.transition(conn, of, state, context.clock.now(), "Ann Operator", "as shown")


def test_every_state_has_words() -> None:
    assert set(parts.STATE_WORDS) == set(State)


def test_the_card_says_what_it_saves_what_holds_it_and_what_it_rests_on(source: Source) -> None:
    card = text(parts.card(shown(source), ZONE, source.now))
    for said in (
        "Raise supply air temperature 20.0 → 21.0 °C",
        "Saves 8.4 kW (6.1 to 10.2 kW, p10 to p90), modelled",
        "202 kWh (146 to 245 kWh) in 24 h",
        "1.10 EUR/h (0.70 to 1.40 EUR/h)",
        "72 % of the saving",
        "saves 4.1 kW; this one saves 4.3 kW more, modelled",
        "takes 14 L/h more",
        "calibration 3, forecast ensemble, issued 12:46, weather open-meteo, data of ",
    ):
        assert said in card, said


def test_limits_come_nearest_first_with_their_margin(source: Source) -> None:
    found = text(parts.limits(shown(source)))
    assert found.index("26.3 of 27.0 °C, 0.7 K left") < found.index("29.9 of 31.0 °C, 1.1 K left")
    assert "11.2 of 15.0 °C, 3.8 K left" in found
    assert "No limits" in text(parts.limits(None))


def test_parts_of_the_saving_add_up_and_the_small_ones_are_left_out(source: Source) -> None:
    found = text(parts.attribution(shown(source)))
    assert "+9.4 kW" in found
    assert "−1.6 kW" in found
    assert "+8.4 kW" in found
    assert "Water" in found


def test_the_plan_is_steps(source: Source) -> None:
    chart = figures.plan(shown(source).plan["blocks"], ZONE)
    first = chart["data"][0]
    assert first["line"]["shape"] == "hv"
    assert len(first["x"]) == 7
    assert first["y"][-1] == first["y"][-2]
    assert first["name"] == "supply air temperature"


def test_what_is_open_on_the_page_stays_open_while_time_goes_on(source: Source, clock: ManualClock) -> None:
    first = look(source)
    assert first["state"] == "proposed"
    clock.advance(timedelta(seconds=90))
    second = look(source)
    for name in ("card", "objective", "authority", "history", "savings"):
        assert text(second[name]) == text(first[name]), name
    demoted = {"do": "authority", "setpoint": "supply_air_temperature", "to": "shadow"}
    assert deciding.carry_out(source, demoted, "Ann", "sensor drifts")[0]
    third = look(source)
    assert "SHADOW" in text(third["authority"])
    assert text(third["objective"]) == text(first["objective"])


def test_the_plan_names_its_columns_and_what_holds_it_back(source: Source) -> None:
    said = text(parts.plan(shown(source), ZONE))
    for head in ("Supply air, °C", "Chilled water, °C", "Condenser water, °C"):
        assert head in said
    assert "worst inlet; 1 K more saves 1.6 kW" in said
    for name, words in {
        "motion:chilled_water_supply_temperature": "steps of chilled water",
        "envelope:supply_air_temperature": "envelope of supply air",
        "inlet_n1": "worst inlet, one machine lost",
    }.items():
        assert parts.held_by_text(name) == words


def test_every_limit_of_the_search_has_words() -> None:
    source_of = inspect.getsource(limits.slacks)
    names = set(re.findall(r'^ +"([a-z_0-9]+)":', source_of, re.MULTILINE))
    assert "inlet" in names
    assert names <= set(parts.HELD_BY)


def test_the_human_gate_tells_who_has_accepted(source: Source, context: Context, seeded: seed.Seeded) -> None:
    waits = advice.Verdict("human", None, "waits for an operator")
    assert "waits for" in text(parts.gates(replace(shown(source), verdicts=(waits,))))
    move(context, seeded.proposed, "accepted")
    decided = text(parts.gates(replace(shown(source), verdicts=(waits,))))
    assert "accepted by Ann Operator" in decided
    assert "waits for" not in decided


@pytest.mark.parametrize(("scale", "said"), [(1.684, "1.68"), (0.8, "0.80")])
def test_the_card_says_by_what_its_interval_was_scaled(source: Source, scale: float, said: str) -> None:
    found = shown(source)
    scaled = replace(found, sources={**found.sources, "interval_scale": scale, "interval_savings": 60})
    assert f"scaled by {said} on the record of 60 verified savings" in text(
        parts.card(scaled, ZONE, source.now)
    )


@pytest.mark.parametrize("sources", [{}, {"interval_scale": 1.0, "interval_savings": 12}])
def test_the_card_says_nothing_of_an_interval_that_was_not_scaled(
    source: Source, sources: dict[str, Any]
) -> None:
    found = shown(source)
    unscaled = replace(found, sources={**found.sources, **sources})
    assert "scaled by" not in text(parts.card(unscaled, ZONE, source.now))


def test_a_card_that_was_put_off_rests_on_what_it_was_worked_out_from_anew(
    source: Source, context: Context, seeded: seed.Seeded
) -> None:
    with db.connect(context.dsn) as conn:
        now, anew = context.clock.now(), {"calibration_id": 4, "weather_source": "dwd"}
        for state, behind in ((State.SNOOZED, {}), (State.PROPOSED, anew)):
            assert moves.move(
                conn,
                seeded.proposed,
                state,
                at=now,
                actor="Ann Operator",
                reason="put off",
                due=now + timedelta(minutes=45),
                detail=behind,
            )
    card = text(parts.card(shown(source), ZONE, source.now))
    assert "calibration 4, weather dwd" in card
    assert "calibration 3" not in card


def test_weather_is_named_once(source: Source) -> None:
    said = parts.sources_text({"weather_source": "weather forecast"}, ZONE, source.now)
    assert said == "weather forecast"


OFFERED = {
    (): {"accept", "modify", "reject", "snooze-1", "snooze-4", "snooze-tomorrow"},
    ("accepted", "awaiting_second"): {"second", "reject"},
    ("accepted", "precheck", "instructed"): {"reject"},
    ("accepted", "precheck", "queued"): set(),
}


@pytest.mark.parametrize("states", OFFERED)
def test_the_card_offers_what_its_state_allows(
    source: Source, context: Context, seeded: seed.Seeded, states: tuple[str, ...]
) -> None:
    move(context, seeded.proposed, *states)
    found = look(source, seeded.proposed)
    assert {name for name in recommendations.BUTTONS if not found[name]} == OFFERED[states]


def test_an_expired_card_and_a_shadow_cannot_be_accepted(
    source: Source, context: Context, clock: ManualClock
) -> None:
    with db.connect(context.dsn) as conn:
        shadow = seed.recommendation(conn, context.site, context.clock.now(), authority="shadow")
    found = look(source, shadow)
    assert found["accept"] is True
    assert "scored against what operators do" in text(found["card"])
    clock.advance(timedelta(hours=1))
    found = look(source)
    assert found["accept"] is True
    assert "expired" in found["expiry"]


def test_instructed_says_what_to_do_by_hand(source: Source, context: Context, seeded: seed.Seeded) -> None:
    move(context, seeded.proposed, "accepted", "precheck", "instructed")
    found = look(source)
    assert found["state"] == "instructed"
    assert "Do this at the plant: Raise supply air" in text(found["card"])
    assert "Watching for the change" in text(found["card"])


def test_what_is_held_shows_its_lease_and_can_be_taken_back(source: Source, context: Context) -> None:
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        of = seed.held(conn, context.site, now - timedelta(hours=3), now)
    table = text(look(source)["hand"])
    assert "14 min left, renewed 0 s ago; own value 20.0 °C" in table
    assert f'"of": {of}' in table
    assert "runs by its own control" not in table


def test_a_past_lease_says_that_the_plant_lets_go(
    source: Source, context: Context, clock: ManualClock
) -> None:
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        seed.held(conn, context.site, now - timedelta(hours=3), now)
    clock.advance(timedelta(minutes=20))
    assert "over: the plant lets go by itself" in text(look(source)["hand"])


def test_events_have_actor_reason_and_versions(source: Source, context: Context, seeded: seed.Seeded) -> None:
    move(context, seeded.proposed, "accepted")
    found = text(look(source)["history"])
    assert "new → proposed · joulecast: 8.4 kW expected" in found
    assert "calibration 3, forecast ensemble" in found
    assert "proposed → accepted · Ann Operator: as shown" in found


def test_what_asks_for_somebody_stands_before_what_is_proposed(source: Source, context: Context) -> None:
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        older = seed.recommendation(conn, context.site, now - timedelta(minutes=9))
    move(context, older, "accepted", "awaiting_second")
    assert shown(source).recommendation_id == older


def test_nothing_to_show_says_what_is_missing(empty_source: Source) -> None:
    found = look(empty_source)
    assert found["state"] == "none"
    assert "No recommendation. The twin proposes one when" in text(found["card"])
    assert "Nothing has been saved yet" in text(found["savings"])
    assert "not calibrated" in text(found["notices"])
    assert "plant runs by its own control" in text(found["hand"])


@pytest.mark.parametrize(
    ("asked", "actor", "reason", "said"),
    [
        ({}, "Ann", "why", "no recommendation"),
        ({"do": "accept"}, "Ann", "", "no recommendation"),
        ({"do": "accept", "id": "1; DROP", "version": 1}, "Ann", "", "no recommendation"),
        ({"do": "accept", "id": 1, "version": 1}, " ", "", "Say who you are"),
        ({"do": "accept", "id": 1, "version": 1}, "<script>", "", "A name has letters"),
        ({"do": "reject", "id": 1, "version": 1}, "Ann", " ", "Say why"),
        ({"do": "reject", "id": 1, "version": 1}, "Ann", "x" * 501, "At most 500"),
        ({"do": "revert", "id": None}, "Ann", "why", "no recommendation"),
        ({"do": "objective", "to": "pue"}, "Ann", "why", "no recommendation"),
        ({"do": "authority", "setpoint": "door", "to": "shadow"}, "Ann", "why", "no recommendation"),
        ({"do": "authority", "setpoint": "supply_air_temperature", "to": "god"}, "Ann", "why", "no recomm"),
        ({"do": "format disk"}, "Ann", "why", "no recommendation"),
    ],
)
def test_what_the_browser_sends_is_checked(
    empty_source: Source, asked: dict[str, Any], actor: str, reason: str, said: str
) -> None:
    ok, told, pin = deciding.carry_out(empty_source, asked, actor, reason)
    assert not ok
    assert said in told
    assert pin is no_update


def test_rejecting_goes_through_the_engine_and_needs_the_version_seen(
    source: Source, context: Context, seeded: seed.Seeded
) -> None:
    asked = {"do": "reject", "id": seeded.proposed, "version": 7}
    assert deciding.carry_out(source, asked, "Ann", "too warm")[1].startswith("Not done")
    ok, _, pin = deciding.carry_out(source, {**asked, "version": 1}, "Ann", "too warm")
    assert ok
    assert pin == seeded.proposed
    with db.connect(context.dsn) as conn:
        row = conn.execute(
            "SELECT actor, reason FROM recommendation_event"
            " WHERE recommendation_id = %s AND to_state = 'rejected'",
            (seeded.proposed,),
        ).fetchone()
        audited = conn.execute("SELECT actor, role, what, object, reason FROM audit").fetchall()
    assert row == {"actor": "Ann", "reason": "too warm"}
    (entry,) = audited
    assert tuple(entry.values()) == (
        "Ann", "engineer", "advice.reject", f"recommendation {seeded.proposed}", "too warm",
    )  # fmt: skip


def test_the_dialog_restates_and_keeps_what_was_asked(source: Source, seeded: seed.Seeded) -> None:
    on_screen = {"id": seeded.proposed, "version": 1}
    given = {**NOTHING, "seen": on_screen}
    opened = recommendations.answer(source, "accept-open", given)
    assert opened["opened"] is True
    assert opened["asked"] == {"do": "accept", **on_screen}
    assert opened["why"] is True, "accepting needs no reason"
    for said in ("20.0 → 21.0 °C", "version 1", "for 24 h under a lease", "Revert or HOLD", "decided by Ann"):
        assert said in text(opened["text"]), said
    assert recommendations.answer(source, "act-cancel", given)["opened"] is False


def test_a_missing_reason_keeps_the_dialog_open(source: Source, seeded: seed.Seeded) -> None:
    asked = {"do": "reject", "id": seeded.proposed, "version": 1}
    given = {**NOTHING, "asked": asked}
    found = recommendations.answer(source, "act-confirm", given)
    assert found["problem"].startswith("Say why")
    assert found["opened"] is no_update
    found = recommendations.answer(source, "act-confirm", {**given, "reason": "not now"})
    assert found["opened"] is False
    assert "rejected" in found["result"]


def test_snoozing_puts_off(source: Source, seeded: seed.Seeded) -> None:
    on_screen = {"id": seeded.proposed, "version": 1}
    told, pin = deciding.put_off(source, on_screen, "Ann", "1")
    assert pin == seeded.proposed
    assert told.startswith("Put off; it comes back")
    found = look(source)
    assert found["state"] == "snoozed"
    assert "back at" in found["expiry"]
    assert deciding.put_off(source, on_screen, "Ann", "1")[0].startswith("Not done")
    assert deciding.put_off(source, {}, "Ann", "1")[0] == "There is no recommendation to act on."


def test_who_may_not_sees_the_buttons_dead_with_the_reason(source: Source, seeded: seed.Seeded) -> None:
    asked = {"do": "reject", "id": seeded.proposed, "version": 1}
    for name, role, why in (
        ("", "guest", "Sign in as "),
        ("Vic", "viewer", "You are signed in as Vic, viewer"),
    ):
        with acting(name, role):
            found = seen(source, recommendations.PAGE)
            assert found["accept-open", "hidden"] is False
            assert found["accept-open", "disabled"] is True
            assert '"disabled": true' in text(found["advice-objective", "children"])
            assert found["accept-open", "title"].startswith(why)
            ok, told, _ = deciding.carry_out(source, asked, name or "Ann", "because")
            assert not ok
            assert why in told
    with acting("Olga", "operator"):
        found = seen(source, recommendations.PAGE)
        assert found["accept-open", "disabled"] is False
        assert found["second-open", "disabled"] is True, "a second person is an engineer or a manager"
        assert "engineer" in deciding.carry_out(source, {"do": "objective", "to": "cost"}, "Olga", "why")[1]


def test_tomorrow_is_the_sites_morning(source: Source) -> None:
    late = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    back = deciding.until(late, "tomorrow", source)
    assert back == datetime(2026, 3, 3, 6, 0, tzinfo=UTC), "seven o'clock in Amsterdam"
    early = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
    assert deciding.until(early, "tomorrow", source) == early + timedelta(hours=24), "a day at most"
    assert deciding.until(late, "4", source) == late + timedelta(hours=4)
    assert deciding.until(late, "never", source) is None


def header(source: Source) -> tuple[str, bool, str]:
    """HOLD's button: its text, whether it is dead, and what every page says."""
    found = seen(source, recommendations.PAGE)
    button, dead, said = (
        found[of]
        for of in (("hold-open", "children"), ("hold-open", "disabled"), ("hold-notice", "children"))
    )
    return button, dead, said


def test_hold_stops_everything_and_says_so_on_every_page(source: Source, seeded: seed.Seeded) -> None:
    assert header(source) == (hold.ON_TEXT, False, "")
    assert hold.decide(source, "Ann", "", stop=True)[1].startswith("Say why")
    done, told = hold.decide(source, "Ann", "smoke in hall 2", stop=True)
    assert done, told
    button, dead, said = header(source)
    assert (button, dead) == (hold.OFF_TEXT, False)
    assert "by Ann: smoke in hall 2. Nothing is proposed" in said
    found = look(source, seeded.proposed)
    assert found["state"] == "withdrawn"
    assert look(source)["state"] == "none", "what has ended is nothing to do"
    assert hold.decide(source, "Ben", "checked", stop=False)[0]
    assert header(source)[0] == hold.ON_TEXT
    assert "goes back to the plant's own control" in text(hold.question(stop=True))
    assert "Nothing is put back by itself" in text(hold.question(stop=False))


def test_hold_that_somebody_else_was_quicker_with_stays_on(app: Dash, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    ann, source = app.server.test_client(), app.server.extensions["joulecast-source"]
    people.sign_in(ann, "ann")
    asked = people.send(app, ann, "hold-dialog.opened", "hold-open.n_clicks", hold_open=hold.ON_TEXT)
    kept = asked.get_json()["response"]["hold-asked"]["data"]
    assert hold.decide(source, "Ben", "smoke in hall 2", stop=True)[0]
    now = {
        "hold_open": hold.OFF_TEXT,
        "hold_reason": "smoke",
        "hold_asked": kept,
    }  # as the poll has it by now
    done = people.send(app, ann, "hold-dialog.opened", "hold-confirm.n_clicks", **now)
    assert done.get_json()["response"]["hold-dialog"]["opened"] is False
    assert hold.stopped(source)
    nothing = people.send(
        app, ann, "hold-dialog.opened", "hold-confirm.n_clicks", **now | {"hold_asked": None}
    )
    assert "press the button again" in nothing.text
    assert hold.stopped(source)


def test_a_database_that_breaks_off_in_a_decision_is_said_so(source: Source, seeded: seed.Seeded) -> None:
    said = "The database broke off: it may have been done. Look before you try again."
    dsn, of = source.context.dsn, {"id": seeded.proposed, "version": 1}
    seed.breaks_off(dsn, "recommendation_event")
    seed.breaks_off(dsn, "advice_setting")
    assert deciding.carry_out(source, {"do": "reject", **of}, "Ann", "not today")[:2] == (False, said)
    assert deciding.put_off(source, of, "Ann", "1")[0] == said
    assert hold.decide(source, "Ann", "smoke", stop=True) == (False, said)
    more = {"do": "objective", "to": "cost"}
    assert deciding.carry_out(source, more, "Ann", "prices")[:2] == (False, said)
    assert look(source)["state"] == "proposed"


def test_a_suspension_says_what_to_do(source: Source, context: Context) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute(
            "INSERT INTO alarm (site_id, source, priority, message, action, raised_at)"
            " VALUES (%s, 'advise.misses.supply_air_temperature', 3, '2 savings were missed', 'Look', %s)",
            (context.site.id, context.clock.now()),
        )
    found = text(look(source)["notices"])
    assert "2 savings were missed. Look." in found
    assert "Looked at…" in found
    asked = deciding.wanted({"type": "look", "of": 1}, None, None)
    assert asked == {"do": "look", "id": 1}
    assert "goes on record" in text(deciding.question(source, asked, "Ann").text)
    assert deciding.carry_out(source, asked, "Ann", None)[0]
    assert "already" in deciding.carry_out(source, asked, "Ben", None)[1]
    assert "Ann has looked" in text(look(source)["notices"])


def trust(**more: Any) -> Trust:
    given: dict[str, Any] = {
        "setpoint": Setpoint.SUPPLY_AIR_TEMPERATURE,
        "authority": Authority.ADVISORY,
        "below": (Authority.SHADOW,),
        "above": Authority.SUPERVISED,
        "days": 31,
        "number": 24,
        "coverage_ratio": 0.91,
        "breaches": 0,
        "missing": (),
        "asked_by": "",
    }
    return Trust(**{**given, **more})


@pytest.mark.parametrize(
    ("more", "said", "promotes"),
    [
        ({}, "the evidence for SUPERVISED is there", True),
        ({"missing": ("3 days in this mode, 30 needed",)}, "SUPERVISED lacks: 3 days", False),
        ({"asked_by": "Ann"}, "Ann asks for SUPERVISED: a second person has to agree", True),
        ({"above": None}, "none above", False),
    ],
)
def test_authority_shows_evidence_and_the_next_step(more: dict[str, Any], said: str, promotes: bool) -> None:
    found = text(conduct_parts.authority(Conduct("cost", ("cost",), None, (trust(**more),), ())))
    assert said in found
    assert "91 %" in found
    assert ("Promote…" in found) is promotes
    assert "To SHADOW…" in found


def test_demoting_takes_effect_at_once(source: Source) -> None:
    asked = deciding.wanted(
        {"type": "authority", "setpoint": "supply_air_temperature", "to": "shadow"}, None, None
    )
    assert asked
    assert "This holds at once" in text(deciding.question(source, asked, "Ann").text)
    ok, told, _ = deciding.carry_out(source, asked, "Ann", "sensor drifts")
    assert ok, told
    found = look(source)
    assert "SHADOW" in text(found["authority"])
    up = {**asked, "to": "advisory"}
    assert "Evidence: " in text(deciding.question(source, up, "Ann").text)
    assert not deciding.carry_out(source, up, "Ann", "trust")[0], "there is no evidence"


def test_the_objective_is_chosen_and_pue_is_none(source: Source) -> None:
    first = text(look(source)["objective"])
    assert "PUE is not offered: it falls when server fans work harder" in first
    assert '"value": "pue"' not in first
    asked = deciding.wanted("objective-open", None, "carbon")
    assert asked
    assert "Carbon" in text(deciding.question(source, asked, "Ann").text)
    ok, told, _ = deciding.carry_out(source, asked, "Ann", "grid is dirty at night")
    assert ok, told
    assert '"value": "carbon"' in text(look(source)["objective"])


def test_the_account_is_shown_with_its_interval(source: Source, context: Context) -> None:
    now = context.clock.now()
    with db.connect(context.dsn) as conn:
        seed.held(conn, context.site, now - timedelta(hours=3), now)
    found = look(source)
    account = text(found["savings"])
    for said in (
        "546",
        "450 to 642 kWh",
        "EUR",
        "kgCO₂",
        "−1\N{NARROW NO-BREAK SPACE}020",
        "3 days, verified",
    ):
        assert said in account, said
    promised = text(found["promises"])
    assert "8.4 (6.1 to 10.2)" in promised
    assert "8.0 (5.5 to 10.5)" in promised
    assert "1 of 1 promises held" in promised


def test_an_account_without_price_says_what_is_missing() -> None:
    small = text(saving_parts.total(Savings(Total(1, 3.62, 4.1, 4.4, 1e3, 0.5, 1.4, 0.0), (), (), ()), "EUR"))
    for said in ("4.10", "3.62 to 4.40 kWh", "0.50", "0.44 to 0.54", "1.40"):
        assert said in small, said
    total = Total(1, 50.0, 60.0, 70.0, 1000.0, None, None, 0.0)
    found = text(saving_parts.total(Savings(total, (), (), ()), "EUR"))
    assert "site.toml, [tariff]" in found
    missed = Promise(7, Setpoint.SUPPLY_AIR_TEMPERATURE, (9, 10, 11), (0.5, 1, 1.5), shadow=False)
    assert "0 of 1 promises" in text(saving_parts.promises(Savings(total, (), (missed,), ())))


def test_what_was_only_shown_is_compared_with_operators() -> None:
    row = {
        "number": 4,
        "changes": [{"setpoint": "supply_air_temperature"}],
        "advised_kwh": 41.2,
        "operators_kwh": -3.0,
    }
    found = text(saving_parts.shadows(Savings(Total(0, 0, 0, 0, 0, None, None, 0), (), (), (row,))))
    assert "Would have saved, kWh" in found
    assert '"41"' in found
    assert '"−3"' in found


def test_names_and_reasons() -> None:
    assert actions.reason_problem("why") == ""
    assert deciding.problems({"do": "accept"}, "Ann", None) == ()
    assert len(deciding.problems({"do": "reject"}, "", "")) == 2

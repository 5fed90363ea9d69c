"""Replay and Site mark what has a learned part in it, and list no part that the plant lacks."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_ui_site import text

from core import db
from core.actions import Setpoint
from core.clock import ManualClock
from core.jobs import Context
from ui.components import advice
from ui.data import advice as found_advice
from ui.data import replay as data
from ui.data.source import open_source
from ui.pages import replay as replay_page
from ui.pages import site as site_page

sys.path.insert(0, str(Path(__file__).parents[1] / "twin"))
from measured import START, STEPS_PER_DAY, store  # lies beside the tests of the twin
from test_learn import DAYS, with_habit

from twin.calibrate import Calibration, calibrate, save
from twin.compare import compare
from twin.scenario import Scenario
from twin.state import COOLING
from twin.validate import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.site import Site
    from twin.history import History
    from ui.data import Source

DAY = (START + timedelta(days=5)).date()
ABSENT = ("Evaporative coolers", "Basin heaters")
WARMER = {Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 12.0}


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return with_habit(site)


@pytest.fixture(scope="module")
def calibration(site: Site, measured: History) -> Calibration:
    return calibrate(site, measured)


@pytest.fixture
def learned(context: Context, site: Site, measured: History, calibration: Calibration) -> Iterator[Source]:
    """A database with a history and a calibration that learned from it, at the history's end."""
    with db.connect(context.dsn) as conn:
        store(conn, site, measured)
        save(conn, site, calibration)
    clock = ManualClock(START + timedelta(days=DAYS))
    source = open_source(Context(context.settings, site, clock, context.dsn))
    yield source
    source.close()


def test_replay_marks_what_is_learned_and_hides_what_is_not_there(learned: Source) -> None:
    found = data.replayed(DAY, data.compared(learned, DAY, WARMER))
    page = text(replay_page.energies(found))
    for words in (
        "Learned from the meters *",
        "Facility *",
        "PUE *",
        "TUE *",
        "p10 to p90), modelled + learned.",
    ):
        assert words in page
    assert "Chillers *" not in page
    assert not any(words in page for words in ABSENT)
    for lane in found.lanes.values():
        parts = [v for line, v in lane.energies_kwh.items() if line != data.FACILITY and v is not None]
        assert sum(parts) == pytest.approx(lane.energies_kwh[data.FACILITY])
    middle = {line: spread[1] for line, spread in found.difference_kwh.items()}
    assert sum(middle.values()) - middle[data.FACILITY] == pytest.approx(middle[data.FACILITY])


def test_every_part_has_its_line_where_the_plant_has_it(
    site: Site, measured: History, calibration: Calibration
) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    found = compare(site, day, calibration, Scenario("warmer", WARMER))
    icy = replace(found, as_operated_kwh={**found.as_operated_kwh, "basin_heater_kw": 7.0})
    shown = data.replayed(DAY, icy)
    assert shown.lanes["twin"].energies_kwh["Basin heaters"] == 7.0
    assert shown.lanes["measured"].energies_kwh["Basin heaters"] is None
    assert shown.error_kwh[data.REST] is None, "as measured, the heaters are in what no meter accounts for"
    cooling = {*COOLING, "pump_kw"} - {name for name in COOLING if name.endswith("_pump_kw")}
    assert cooling <= set(data.GROUPS.values())


def test_replay_without_anything_learned_marks_nothing(
    site: Site, measured: History, calibration: Calibration
) -> None:
    day = measured.part(slice(0, STEPS_PER_DAY))
    bare = data.replayed(DAY, compare(site, day, replace(calibration, residual=None), None))
    page = text(replay_page.energies(bare))
    assert "*" not in page
    assert "earned" not in page
    lost = data.replayed(
        DAY, replace(compare(site, day, calibration, None), learned=False, left_out="no trees")
    )
    assert "▲ No trees." in text(replay_page.energies(lost))


def test_the_site_page_says_what_was_learned_and_what_uses_it(learned: Source) -> None:
    head, inside, outside, _ = (text(part) for part in site_page.compared(learned))
    assert "Learned on top | Learned from " in head
    assert "kW with it and" in head
    assert "on average, modelled + learned; same hour yesterday" in head
    assert "advice (search and gates) the physics alone" in head
    assert "Facility *" in inside
    assert "Warmest IT inlet *" in inside
    assert "Chillers *" not in inside + outside
    assert "modelled + learned" in inside


def test_every_quantity_of_a_validation_has_a_name(calibration: Calibration) -> None:
    assert set(QUANTITIES) <= set(site_page.NAMES)
    assert set(calibration.envelope) <= set(site_page.GIVEN)


def test_where_a_saving_comes_from_lists_no_part_without_one(source: Source) -> None:
    (top, *_) = found_advice.recommendations(source)
    kinds = {"tower_fans": 2.0, "basin_heaters": 0.0, "liquid_loop_pumps": -0.5}
    page = text(advice.attribution(replace(top, attribution_kw=kinds)))
    assert "Tower fans" in page
    assert "Liquid loop pumps" in page
    assert "asin heaters" not in page
    assert "+1.5 kW" in page

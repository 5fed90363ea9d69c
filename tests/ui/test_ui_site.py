"""The Site page shows what `joulecast twin validate` prints, from the same function."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from looking import text

from core import db
from core.clock import ManualClock
from core.jobs import Context
from ui.data.source import open_source
from ui.data.validation import validation
from ui.pages import site as page

sys.path.insert(0, str(Path(__file__).parents[1] / "twin"))
from measured import START, history, store  # lies beside the tests of the twin

from twin.calibrate import calibrate, save

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.site import Site
    from ui.data import Source

FITTED = timedelta(days=6)
END = START + timedelta(days=8)


@pytest.fixture
def validated(context: Context, site: Site) -> Iterator[Source]:
    """Eight days, six of them in the calibration; later a setpoint it does not know, and a stuck wet bulb."""
    measured = history(site, 8)
    calibration = calibrate(site, measured.part(slice(0, 576)))
    chilled, wet = measured.chilled_water_setpoint_c.copy(), measured.wet_bulb_c.copy()
    chilled[600:608] = 15.5
    wet[660:720] = wet[660]
    with db.connect(context.dsn) as conn:
        store(conn, site, replace(measured, chilled_water_setpoint_c=chilled, wet_bulb_c=wet))
        save(conn, site, calibration)
    source = open_source(Context(context.settings, site, ManualClock(END), context.dsn))
    yield source
    source.close()


def test_the_page_shows_what_the_command_prints(validated: Source) -> None:
    found = validation(validated)
    assert not isinstance(found, str)
    head, inside, outside, left_out = (text(part) for part in page.compared(validated))
    assert "which it has not seen" in head
    assert f"{found.hours_inside} inside the calibrated envelope, {found.hours_outside} outside" in head
    assert found.pue is not None
    assert f"off by {found.pue.twin:.4f} on average" in head
    for row in found.rows:
        assert page.NAMES[row.quantity] in (inside if row.inside else outside)
    ratio = found.row("facility_kw").twin.cv_rmse_ratio
    assert ratio is not None
    assert f"{100 * ratio:.1f} %" in inside
    assert "p = 1" in inside
    assert "Chilled water setpoint" in outside
    assert "15.5 °C, calibrated on" in outside
    assert "weather/wet_bulb_temperature | stuck" in left_out


def test_a_guess_that_is_nearer_is_marked(validated: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    found = validation(validated)
    assert not isinstance(found, str)
    row = found.row("pump_kw")
    near = replace(row.baselines[0], error=replace(row.baselines[0].error, rmse=row.twin.rmse / 2))
    worse = replace(row, baselines=(near,), twin=replace(row.twin, cv_rmse_ratio=0.4))
    shown = replace(found, rows=(worse,), outside=(), findings=())
    monkeypatch.setattr(page, "validation", lambda _: shown)
    _, inside, outside, left_out = (text(part) for part in page.compared(validated))
    assert "▲ same hour yesterday" in inside
    assert "▲ 40.0 %" in inside
    assert "No hour" in outside
    assert "Nothing: every point" in left_out


def test_before_a_calibration_it_says_what_to_do(source: Source) -> None:
    assert "joulecast twin calibrate" in text(page.compared(source)[0])


def test_a_database_that_is_away_is_said(context: Context) -> None:
    lost = replace(context, dsn=context.dsn + " port=1", settings=context.settings)
    source = open_source(lost)
    assert "did not answer" in text(page.compared(source)[0])
    source.close()


def test_every_condition_has_a_name(validated: Source) -> None:
    found = validation(validated)
    assert not isinstance(found, str)
    assert {b.condition for r in found.outside for b in r.why} <= set(page.GIVEN)
    assert np.isfinite([b.low for r in found.outside for b in r.why]).all()

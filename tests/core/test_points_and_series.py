from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.actions import TRANSITIONS, State
from core.errors import InputError
from core.points import CATALOGUE, PointRef, Role
from core.series import Series, floor_time, on_grid


def test_a_series_lies_on_its_grid() -> None:
    start, step = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=15)
    series = on_grid([start + step, start + 9 * step], np.array([5.0, 6.0]), start, start + 4 * step, step)
    assert series.complete_ratio == pytest.approx(0.25)
    assert series.values[1] == pytest.approx(5.0)
    assert series.end == start + timedelta(hours=1)
    assert series.times[-1] == start + 3 * step
    assert Series(start, step, np.array([])).complete_ratio == pytest.approx(0.0)


def test_times_are_floored_from_the_epoch() -> None:
    assert floor_time(datetime(2026, 1, 1, 10, 44, 59, tzinfo=UTC), timedelta(minutes=15)) == datetime(
        2026, 1, 1, 10, 30, tzinfo=UTC
    )


def test_every_point_has_a_plausible_range_and_setpoints_say_so() -> None:
    assert all(p.low < p.high for p in CATALOGUE.values())
    assert all(
        (p.role is Role.SETPOINT) == p.name.endswith(("_setpoint", "_enable")) for p in CATALOGUE.values()
    )


@pytest.mark.parametrize("text", ["power", "/power", "a/b/power", "a/"])
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="asset/point"):
        PointRef.parse(text)


def test_every_state_is_reached_and_terminal_states_have_no_way_out() -> None:
    reached = {State.PROPOSED}.union(*TRANSITIONS.values())
    assert reached == set(State)
    assert State.REJECTED not in TRANSITIONS

"""What is forecast for a site: what its meters say, and what it names itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import InputError
from core.points import PointRef
from forecast import targets

if TYPE_CHECKING:
    from core.site import Site


def test_a_sum_that_the_site_names_is_forecast_like_the_others(site: Site) -> None:
    assert targets.metered(site) == ("it_power", "cooling_power", "gpu")
    assert targets.refs_of(site, "gpu")[2] == PointRef("gpu-node-03", "power")
    grids = [(task.step_s, task.horizon_steps) for task in targets.tasks(site) if task.target == "gpu"]
    assert grids == [(900, 96), (3600, 168)]
    assert targets.task_for(site, "gpu").timezone == "Europe/Amsterdam"


def test_a_site_without_cooling_meters_is_forecast_without_them(site: Site) -> None:
    bare = site.meters.model_copy(update={"chiller": (), "crah_fan": (), "pump": (), "tower_fan": ()})
    plain = site.model_copy(update={"meters": bare})
    assert targets.metered(plain) == ("it_power", "gpu")
    assert targets.refs_of(plain, "cooling_power") == ()
    assert {task.target for task in targets.tasks(plain)} == {"it_power", "gpu"}


def test_what_is_no_target_or_no_grid_is_refused(site: Site) -> None:
    with pytest.raises(InputError, match="it_power, cooling_power, gpu"):
        targets.refs_of(site, "pool")
    with pytest.raises(InputError, match="900 s, 3600 s"):
        targets.task_for(site, "gpu", timedelta(minutes=5))

"""What knows no physics is as good as it is known to be: a weak baseline would flatter the twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("lightgbm")
from twin_blackbox import baselines

if TYPE_CHECKING:
    from pathlib import Path


def test_a_data_centre_year_without_physics(shared_data: Path) -> None:
    found = baselines(shared_data / "eplus_datacentre" / "chicago_economizer.csv.gz", 1, 21)
    assert {errors["hours"] for errors in found.values()} == {2712}
    # known: a quadratic 32 %; trees 9.9 %, PUE 0.0050, inlet 0.10 K
    assert found["quadratic"]["cooling_cv_rmse_pct"] == pytest.approx(32.5, abs=0.5)
    assert found["trees"]["cooling_cv_rmse_pct"] < 9.9
    assert found["trees"]["pue_mae"] < 0.006
    assert found["trees"]["it_inlet_mae_k"] < 0.12
    assert found["lagged_trees"]["it_inlet_mae_k"] < found["trees"]["it_inlet_mae_k"]

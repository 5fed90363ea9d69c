"""The twin's table has a row for everything it must reach, and says of each why it was not measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bench_twin
from sheet import Sheet

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _sheet() -> Sheet:
    return Sheet(tuple(bench_twin._targets()))


def test_every_row_has_its_own_name_and_what_must_be_reached_has_a_bound() -> None:
    targets = _sheet().targets
    assert len({target.key for target in targets}) == len(targets)
    bound = {target.key: target.bound for target in targets if target.sign}
    assert bound["newyork_21_cooling_cv_rmse_pct"] == 9.5
    assert bound["chicago_7_pue_mae"] == 0.007
    assert bound["simulated_hours_per_s"] == 200_000
    assert len(bound) == 27


def test_published_points_are_reached(shared_data: Path) -> None:
    assert shared_data.exists()
    sheet = _sheet()
    bench_twin.points(sheet)
    bench_twin.plant(sheet)
    met = [row["met"] for row in sheet.table()]
    assert met[:9] == ["yes"] * 9


def test_without_data_a_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_twin, "REFERENCE", tmp_path / "reference")
    monkeypatch.setattr(bench_twin, "YEARS", tmp_path)
    sheet = _sheet()
    bench_twin.points(sheet)
    with sheet.part("chicago_21"):
        bench_twin.data_centre(sheet, "chicago", 21)
    flat = sheet.flat()
    assert flat["dymola_off_not_measured"] == "reference is not beside this checkout"
    assert flat["chicago_21_pue_mae_not_measured"] == "chicago_economizer.csv.gz is not beside this checkout"
    assert flat["moist_air_over_tolerance_met"] is True


def test_a_year_of_hours_balances() -> None:
    sheet = _sheet()
    bench_twin.year(sheet)
    residual, pue = sheet.figures["year_balance_residual_ratio_max"], sheet.figures["year_pue"]
    assert isinstance(residual, float)
    assert isinstance(pue, float)
    assert residual < 1e-6
    assert pue > 1.0

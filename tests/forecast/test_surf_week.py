"""A real week of 277 hosts: five days to learn from, two to forecast, whichever model wins."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast import backtest, frames

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SURF = "telemetry/surf_it_power_30s_2022-10.csv.gz"
STEP = timedelta(minutes=15)


def test_days_six_and_seven(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = pd.read_csv(shared_data / SURF, parse_dates=["time_utc"])
    week = frames.regular(read["time_utc"], read["power_draw"].to_numpy(dtype=np.float64), STEP)
    until = week["valid_at"].iloc[0].to_pydatetime() + timedelta(days=5)
    table = backtest.backtest_series(week, STEP, until, (1,), timezone="Europe/Amsterdam")
    with capsys.disabled():
        figures = ", ".join(f"{row.model} {row.mae:.0f} W" for row in table.itertuples())
        print(f"\nSURF week, days 6 and 7, 24 h ahead from every hour, MAE: {figures}")  # the test's purpose
    figures_only = table.drop(columns="model").to_numpy(dtype=np.float64)
    assert np.isfinite(figures_only).all()
    assert set(table["model"]) >= {"lstm", "persistence", "seasonal_naive"}
    # issued every hour of day 6 and at its end, each whole
    assert set(table["n"]) == {25 * 96}
    by_model = table.set_index("model")["mae"]
    assert by_model["lstm"] < 2 * min(by_model["persistence"], by_model["seasonal_naive"])

"""Charts: what plotly gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import plotly.graph_objects as go
import pytest

from core.series import Series
from ui import figures
from ui.components.graph import GRAPH_CONFIG, graph
from ui.data.forecast import Forecast, Step

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Amsterdam")
STEP = timedelta(minutes=5)


def series(values: list[float]) -> Series:
    return Series(NOW - STEP * len(values), STEP, np.array(values))


def forecast(model: str, steps: int = 4) -> Forecast:
    quarter = timedelta(minutes=15)
    made = tuple(Step(NOW + quarter * i, 90e3, 95e3, 100e3, 105e3, 110e3) for i in range(steps))
    return Forecast("it_power", model, NOW, quarter, made, None)


def live(it: list[float], coming: Forecast | None) -> figures.Figure:
    facility = [v * 1.25 for v in it]
    cooling = [v * 0.2 for v in it]
    return figures.live(
        series(facility), series(it), series(cooling), (coming, None), NOW, NOW + timedelta(hours=12), ZONE
    )


def arrays(found: Any) -> list[Any]:
    """Everything in a figure that is no plain JSON."""
    if isinstance(found, dict):
        return [a for v in found.values() for a in arrays(v)]
    if isinstance(found, list | tuple):
        return [a for v in found for a in arrays(v)]
    return [] if found is None or isinstance(found, str | int | float | bool) else [found]


@pytest.mark.parametrize("it", [[], [1e5], [1e5, float("nan"), 1.1e5]])
@pytest.mark.parametrize("coming", [None, forecast("lstm")])
def test_a_figure_is_plain_lists_that_plotly_takes(it: list[float], coming: Forecast | None) -> None:
    figure = live(it, coming)
    assert arrays(figure) == []
    json.dumps(figure, allow_nan=False)
    go.Figure(figure)


def test_the_ratio_is_facility_over_it_and_missing_where_one_is() -> None:
    ratio = live([1e5, float("nan")], None)["data"][0]
    assert ratio["y"] == [pytest.approx(1.25), None]


def test_power_is_in_kilowatts_at_the_sites_time() -> None:
    it = live([1e5, 2e5], None)["data"][1]
    assert it["y"] == [100.0, 200.0]
    assert it["x"][-1] == "2026-03-02T12:55:00"


def test_a_fan_has_learned_median_naive_and_measured_lines() -> None:
    figure = figures.fan(series([1e5, 1e5]), forecast("lstm"), forecast("seasonal_naive"), NOW, ZONE, "LSTM")
    names = [trace["name"] for trace in figure["data"]]
    assert names == ["LSTM 5-95 %", "LSTM 25-75 %", "LSTM median", "seasonal naive", "measured"]
    outer = figure["data"][0]
    assert outer["y"] == [110.0] * 4 + [90.0] * 4
    assert "UTC+01:00" in figure["layout"]["xaxis"]["title"]["text"]
    go.Figure(figure)


def test_another_grid_is_another_picture() -> None:
    quarters = figures.fan(series([1e5]), forecast("lstm"), None, NOW, ZONE)
    hourly = Series(NOW - timedelta(hours=2), timedelta(hours=1), np.array([1e5, 1e5]))
    hours = figures.fan(hourly, forecast("lstm"), None, NOW, ZONE)
    assert quarters["layout"]["uirevision"] != hours["layout"]["uirevision"]


def test_a_gap_in_the_measurements_stays_a_gap() -> None:
    measured = figures.fan(series([1e5, float("nan"), 1e5]), None, None, NOW, ZONE)["data"][-1]
    assert measured["y"] == [100.0, None, 100.0]
    assert "connectgaps" not in measured


def test_days_of_a_model_stand_against_the_naive_line_and_the_wanted_range() -> None:
    figure = figures.daily(["2026-03-01", "2026-03-02"], [0.8, None], [0.4, 0.8], "MSTL")
    ratios, held = figure["data"]
    assert (ratios["y"], held["y"]) == ([0.8, None], [40.0, 80.0])
    level, wanted = figure["layout"]["shapes"]
    assert level["y0"] == level["y1"] == 1
    assert (wanted["y0"], wanted["y1"]) == (76.0, 84.0)
    assert figure["layout"]["yaxis2"]["range"][0] == 35.0
    assert arrays(figure) == []
    go.Figure(figure)
    go.Figure(figures.daily([], [], [], "MSTL"))


def test_no_graph_offers_to_send_its_figure_away() -> None:
    config = graph("a", live([], None)).config
    assert config == GRAPH_CONFIG
    assert config["showSendToCloud"] is False
    assert config["displaylogo"] is False

"""Fourteen months of the demo plant by the hour: its load rises at once, its readings fail for two days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.site import load_site
from core.units import W_PER_KW
from joulecast.demo import history as past
from joulecast.demo import load, plant, weather
from joulecast.verbs.common import DEMO_SITE
from twin.network import Conditions, Setpoints, solve

if TYPE_CHECKING:
    from core.series import Floats

ZONE: Final = ZoneInfo("Europe/Amsterdam")
START: Final = datetime(2025, 2, 1, tzinfo=ZONE)
END: Final = datetime(2026, 4, 4, tzinfo=ZONE)
HOUR: Final = timedelta(hours=1)
SHIFTED_AT: Final = datetime(2025, 11, 18, 10, tzinfo=ZONE)
SHIFT_KW: Final = 60.0
"""Servers that were added: an eighth of the load [kW]."""
OUTAGE: Final = (datetime(2026, 2, 10, 14, tzinfo=ZONE), datetime(2026, 2, 12, 14, tzinfo=ZONE))
CLOCKS: Final = (datetime(2025, 10, 26, tzinfo=ZONE), datetime(2026, 3, 29, tzinfo=ZONE))
"""The days of 25 and of 23 h."""
TOLD_EVERY: Final = timedelta(days=1)
"""Seldomer than the demo tells it, to save time; 48 h ahead still reach to the end of every forecast."""
QUARTERS: Final = 4


@dataclass(frozen=True)
class Demo:
    """What its forecasts are made from, by target."""

    histories: dict[str, pd.DataFrame]
    known: pd.DataFrame
    """In order of `available_at`."""


@cache
def demo() -> Demo:
    """The same at every call."""
    times = pd.date_range(START, END, freq="h", inclusive="left").tz_convert("UTC")
    time_s = times.as_unit("s").astype("int64").to_numpy(dtype=np.float64)
    it_kw = _it_kw(time_s) + np.where(times >= SHIFTED_AT, SHIFT_KW, 0.0)
    outdoor = weather.weather(time_s)
    state = solve(
        plant.true_parameters(load_site(DEMO_SITE).plant),
        Conditions(it_kw, outdoor.dry_bulb_c, outdoor.wet_bulb_c),
        Setpoints(**{f"{name.value}_c": value for name, value in plant.INITIAL_SETPOINTS.items()}),
    )
    random, out = np.random.default_rng(5), (times >= OUTAGE[0]) & (times < OUTAGE[1])
    histories = {}
    for target, kw in (("it_power", state.it_kw), ("cooling_power", state.cooling_kw)):
        noise = 1.0 + plant.POWER_NOISE * random.standard_normal(len(times))
        y = np.where(out, np.nan, W_PER_KW * kw * noise)
        histories[target] = pd.DataFrame({"valid_at": times, "y": y, "observed": np.isfinite(y)})
    return Demo(histories, _known(times, outdoor))


def _it_kw(time_s: Floats) -> Floats:
    """Hourly means; people work by the clocks on the wall, jobs do not."""
    quarter_s = (time_s[:, None] + load.HOUR_S / QUARTERS * np.arange(QUARTERS)).ravel()
    local = pd.DatetimeIndex(quarter_s.astype("datetime64[s]")).tz_localize("UTC").tz_convert(ZONE)
    wall_s = local.tz_localize(None).as_unit("s").astype("int64").to_numpy(dtype=np.float64)
    gpu = load.gpu_power_kw(load.gpu_utilisation(quarter_s)).sum(axis=0)
    return np.asarray((load.server_power_kw(wall_s) + gpu).reshape(-1, QUARTERS).mean(axis=1))


def _known(times: pd.DatetimeIndex, outdoor: weather.Weather) -> pd.DataFrame:
    """The weather, measured and as forecast, and the jobs booked, as the demo tells them."""
    told = [
        pd.DataFrame(
            {
                "valid_at": times,
                "available_at": times + HOUR,
                "dry_bulb_c": outdoor.dry_bulb_c,
                "wet_bulb_c": outdoor.wet_bulb_c,
            }
        )
    ]
    for issued in pd.date_range(times[0], times[-1], freq=TOLD_EVERY):
        hours_s = issued.timestamp() + load.HOUR_S * np.arange(past.FORECAST_HOURS)
        ahead = weather.forecast(issued.timestamp(), hours_s)
        told.append(
            pd.DataFrame(
                {
                    "valid_at": pd.date_range(issued, periods=past.FORECAST_HOURS, freq="h"),
                    "available_at": issued + past.FORECAST_DELAY,
                    "dry_bulb_c": ahead.dry_bulb_c,
                    "wet_bulb_c": ahead.wet_bulb_c,
                    "booked_gpu_kw": load.booked_gpu_kw(issued.timestamp(), hours_s),
                }
            )
        )
    return pd.concat(told, ignore_index=True).sort_values("available_at", kind="stable", ignore_index=True)

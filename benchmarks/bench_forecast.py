"""The forecaster on four public series beside every rival, by one protocol; and the SURF week."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd
from common import SHARED_DATA, console, report
from forecast_run import MODELS, OURS, measure, shown
from sheet import AT_MOST, NotMeasured, Sheet, Target

from forecast.backtest import backtest_series
from forecast.frames import regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER: Final = SHARED_DATA / "forecast"


class Series(NamedTuple):
    """A benchmark series and what ours must reach on it."""

    file: str
    column: str | None
    mase: float
    wql: float
    stretch_mase: float
    stretch_wql: float


SERIES: Final = {
    "sg_cooling_kwth": Series("sg_cooling_kwth.csv.gz", None, 0.66, 0.0385, 0.63, 0.0355),
    "sg_chiller_kw": Series("sg_chiller_kw.csv.gz", None, 0.60, 0.0545, 0.56, 0.0525),
    "biohpc_fleet_w": Series("biohpc_fleet_w.csv.gz", None, 0.89, 0.1225, 0.87, 0.1200),
    "etth1_hufl": Series("ETTh1.csv.gz", "HUFL", 1.27, 0.2125, 1.25, 0.2090),
}
COVERAGE, COVERAGE_OFF = 0.80, 0.04
"""What the 80 % interval has to cover, and how far off it may be [1]."""
SOURCE: Final = "Measured elsewhere, not run here: neuralforecast 3.3.0, darts 0.48.1, mlforecast 1.1.0"
RECORDED: Final = {
    "sg_cooling_kwth": {
        "LightGBM direct of mlforecast": (1.088, 0.0640, 0.48),
        "neuralforecast LSTM": (0.859, 0.0493, 0.54),
        "neuralforecast LSTM, weather": (0.848, 0.0523, 0.45),
        "neuralforecast NHITS": (0.941, 0.0585, 0.32),
        "Darts BlockRNN LSTM + RevIN": (0.893, 0.0523, 0.53),
    },
    "sg_chiller_kw": {
        "LightGBM direct of mlforecast": (0.686, 0.0641, 0.57),
        "neuralforecast LSTM": (0.703, 0.0664, 0.55),
        "neuralforecast LSTM, weather": (0.719, 0.0726, 0.41),
        "neuralforecast NHITS": (0.669, 0.0666, 0.46),
    },
    "biohpc_fleet_w": {
        "LightGBM direct of mlforecast": (0.905, 0.1300, 0.66),
        "neuralforecast LSTM": (1.186, 0.1631, 0.70),
        "neuralforecast NHITS": (0.923, 0.1368, 0.66),
        "neuralforecast DeepAR": (0.902, 0.1552, 0.41),
        "Darts BlockRNN LSTM + RevIN": (1.319, 0.1875, 0.62),
    },
    "etth1_hufl": {
        "LightGBM direct of mlforecast": (1.364, 0.2460, 0.56),
        "neuralforecast LSTM": (1.390, 0.2301, 0.79),
        "neuralforecast NHITS": (1.315, 0.2154, 0.75),
    },
}
"""MASE, WQL and coverage of the 80 % interval; where two seeds are known, the better one's."""
KEPT: Final = (
    "mase",
    "wql",
    "coverage80",
    "skill",
    "mae",
    "rmse",
    "width80",
    "rmse_daily_peak",
    "wql_lead_1",
)
KEPT_TOO: Final = ("wql_lead_1_6", "wql_lead_6_24", "cpu_s", "latency_ms", "peak_mb")
"""Figures of each model for the file."""
COSTS: Final = {
    "train_cpu_s": (90.0, "three seeds' training, CPU, the slowest series [s]"),
    "latency_ms": (5.0, "a forecast of a loaded model, CPU, the slowest series [ms]"),
    "peak_mb": (500.0, "resident memory of the process that forecasts, at its peak [MB]"),
    "training_mb": (500.0, "resident memory of the process that trains, at its peak [MB]"),
    "weights_bytes": (1e6, "weights of three seeds [bytes]"),
}
SURF: Final = SHARED_DATA / "telemetry" / "surf_it_power_30s_2022-10.csv.gz"
SURF_STEP: Final = timedelta(minutes=15)
SURF_TRAIN_UNTIL: Final = datetime(2022, 10, 11, 22, tzinfo=UTC)
SURF_SEEDS: Final = (1, 2, 3)


def _targets() -> Iterator[Target]:
    """The table, row by row."""
    for name, must in SERIES.items():
        for key, label, most in (
            ("mase", "MASE / best rival run", must.mase),
            ("mase_stretch", "MASE, stretch", must.stretch_mase),
            ("wql", "WQL / best rival run", must.wql),
            ("wql_stretch", "WQL, stretch", must.stretch_wql),
            ("coverage_off", f"80 % interval's coverage off {COVERAGE:g}", COVERAGE_OFF),
        ):
            yield Target(name, f"{name}_{key}", f"{name}: {label}", AT_MOST, most, as_ratio=False)
        what = f"{name}: daily pinball against the best rival run [%]"
        yield Target(name, f"{name}_difference_pct", what, as_ratio=False)
    for key, (most, what) in COSTS.items():
        yield Target("costs", key, what, AT_MOST, most, as_ratio=False)
    yield Target("surf", "surf_mae_w", "SURF week, days 6 and 7: MAE / seasonal naive [W]", as_ratio=False)


def series(sheet: Sheet, name: str) -> dict[str, Any]:
    """Run every model on one series; ours is returned.

    Raises:
        NotMeasured: the data are not beside this checkout, or ours failed.
    """
    must = SERIES[name]
    rows = {row["model"]: row for row in measure(_there(FOLDER / must.file), must.column)}
    for model, row in rows.items():
        sheet.figures |= {f"{name}_{model}_{key}": row[key] for key in (*KEPT, *KEPT_TOO) if key in row}
    for model, (mase, wql, coverage) in RECORDED[name].items():
        sheet.figures |= {f"{name}_recorded_{model}": f"MASE {mase}, WQL {wql}, coverage {coverage}"}
    shown(list(rows.values()))
    console.print(f"{SOURCE}:")
    for model, figures in RECORDED[name].items():
        console.print(f"  {model}: MASE {figures[0]}, WQL {figures[1]}, coverage {figures[2]}")
    ours = rows[OURS]
    if "error" in ours:
        raise NotMeasured(ours["error"])
    rivals = [row for model, row in rows.items() if model != OURS and "wql" in row]
    for key in ("mase", "wql"):
        best = min(rivals, key=lambda row: float(row[key]))
        sheet.found(f"{name}_{key}", ours[key], best[key], note=best["model"])
        sheet.found(f"{name}_{key}_stretch", ours[key])
    off = round(abs(ours["coverage80"] - COVERAGE), 6)
    sheet.found(f"{name}_coverage_off", off, note=f"{ours['coverage80']:.3f}")
    low, high = ours["difference_low_pct"], ours["difference_high_pct"]
    note = f"{ours['against']}, 90 % interval [{low:+.1f}, {high:+.1f}]"
    sheet.found(f"{name}_difference_pct", ours["difference_pct"], note=note)
    return dict(ours)


def surf(sheet: Sheet) -> None:
    """The SURF week: trained on its first five days, days six and seven forecast, beside the naive ones."""
    raw = pd.read_csv(_there(SURF), usecols=["time_utc", "power_draw"], parse_dates=["time_utc"])
    mean = raw.set_index("time_utc")["power_draw"].resample(SURF_STEP).mean()
    frame = regular(pd.Series(mean.index), mean.to_numpy(dtype=float), SURF_STEP)
    begin = time.process_time()
    table = backtest_series(frame, SURF_STEP, SURF_TRAIN_UNTIL, SURF_SEEDS, timezone="Europe/Amsterdam")
    sheet.figures["surf_lstm_cpu_s"] = time.process_time() - begin
    rows = {str(row["model"]): row for row in table.to_dict("records")}
    for model, row in rows.items():
        sheet.figures |= {f"surf_{model}_{key}": row[key] for key in ("mae", "rmse", "mase", "wql", "cov80")}
    sheet.found("surf_mae_w", rows["lstm"]["mae"], rows["seasonal_naive"]["mae"])


def _there(path: Path) -> Path:
    """A file of the shared data.

    Raises:
        NotMeasured: it is not beside this checkout.
    """
    if not path.exists():
        raise NotMeasured(f"{path.name} is not beside this checkout")
    return path


def main() -> int:
    """Measure and report; without the data there is nothing to measure."""
    if not FOLDER.exists():
        console.print("bench_forecast: the data are not beside this checkout; nothing measured")
        return 0
    sheet, ours = Sheet(tuple(_targets())), []
    for name in SERIES:
        with sheet.part(name):
            ours.append(series(sheet, name))
    with sheet.part("costs"):
        for key in COSTS:
            sheet.found(key, max(row[key] for row in ours))
    with sheet.part("surf"):
        surf(sheet)
    sheet.figures |= {"recorded_source": SOURCE, "models": ", ".join(MODELS)}
    report("forecast", sheet.flat(), sheet.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The SURF week: trained on its first five days, days six and seven forecast; LSTM beside the naive ones."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

import pandas as pd
from common import SHARED_DATA, console, report

from forecast.backtest import backtest_series
from forecast.dataset import regular

FILE = SHARED_DATA / "telemetry" / "surf_it_power_30s_2022-10.csv.gz"
STEP = timedelta(minutes=15)
TRAIN_UNTIL = datetime(2022, 10, 11, 22, tzinfo=UTC)
SEEDS = (1, 2, 3)


def main() -> int:
    """Measure and report; without the data there is nothing to measure."""
    if not FILE.exists():
        console.print("bench_forecast: the SURF file is not beside this checkout; nothing measured")
        return 0
    raw = pd.read_csv(FILE, usecols=["time_utc", "power_draw"], parse_dates=["time_utc"])
    mean = raw.set_index("time_utc")["power_draw"].resample(STEP).mean()
    frame = regular(pd.Series(mean.index), mean.to_numpy(dtype=float), STEP)
    begin = time.process_time()
    table = backtest_series(frame, STEP, TRAIN_UNTIL, SEEDS, timezone="Europe/Amsterdam")
    figures = {"lstm_cpu_s": time.process_time() - begin}
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    for row in rows:
        figures |= {
            f"{row['model']}_{name}": float(row[name]) for name in ("mae", "rmse", "mase", "wql", "cov80")
        }
    report("forecast", figures, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

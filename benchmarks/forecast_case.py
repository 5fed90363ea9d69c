"""A series laid out for the fixed protocol: what may be learnt from, what is forecast, what is scored.

Hourly, local clock. The test part starts at the first midnight at or after 80 % of the rows; the last 12.5 %
of what lies before it is for validation. From each midnight on 24 h are forecast, to the last complete day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from core.errors import InputError
from forecast import frames, metrics
from forecast.protocol import DAY_S, HOUR_S, HOURS_PER_DAY, Task

if TYPE_CHECKING:
    from pathlib import Path

    from core.series import Floats
    from forecast.features import Bools, Ints

LEVELS: Final = (0.1, 0.5, 0.9)
"""Quantiles that are scored."""
LOW, MIDDLE, HIGH = range(3)
TEST_FROM, VALIDATION_SHARE = 0.8, 0.125
NEEDED_DAYS: Final = 42
"""Least length: trees learn from four weeks, and the test part is a week [d]."""
TIMES: Final = ("ds", "date")
VALUES: Final = "y"
"""The column of the values. Where another is named, the table holds several series, no covariates."""
KNOWN_NAMES: Final = {"temp_c": "dry_bulb_c", "wetbulb_c": "wet_bulb_c"}
"""Covariates that have another name here."""
LEADS: Final = {"1": (0, 1), "1_6": (0, 6), "6_24": (6, 24)}
"""Buckets of hours ahead."""


@dataclass(frozen=True, slots=True)
class Case:
    """A series and where its parts begin."""

    name: str
    task: Task
    history: pd.DataFrame
    """The whole of it; a forecast may see the rows before its origin."""
    known: pd.DataFrame
    """Covariates of all hours, as measured: a perfect forecast of the coming day."""
    validation: int
    """Position of the first hour of the validation part."""
    test: int
    """Position of the first hour of the test part; the first origin."""

    @property
    def origins(self) -> Ints:
        """(days,) positions at which 24 h are forecast."""
        return np.arange(self.test, len(self.history) - self.task.horizon_steps + 1, self.task.steps_per_day)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns of the known frame."""
        return tuple(str(c) for c in self.known.columns if c != "valid_at")

    @property
    def scale(self) -> float:
        """MASE's scale: mean change over 24 h before the test, measured hours only."""
        y, observed = self._arrays()
        return metrics.mase_scale(y[: self.test], observed[: self.test], HOURS_PER_DAY)

    def truth(self) -> tuple[Floats, Bools]:
        """(days, 24) the values to forecast, and which of them were measured."""
        y, observed = self._arrays()
        ahead = self.origins[:, None] + np.arange(self.task.horizon_steps)
        return y[ahead], observed[ahead]

    def _arrays(self) -> tuple[Floats, Bools]:
        y = self.history["y"].to_numpy(dtype=np.float64)
        return y, self.history["observed"].to_numpy(dtype=np.bool_)


def read(path: Path, column: str | None = None) -> Case:
    """A csv or csv.gz with `ds` (or `date`), the values, `observed` where some were filled, and covariates.

    Args:
        path: the file.
        column: which column holds the values; none: `y`.

    Raises:
        InputError: says what is wrong with it.
    """
    table = _table(path)
    column = column or VALUES
    stamp = next((name for name in TIMES if name in table.columns), None)
    missing = [" or ".join(TIMES)] if stamp is None else []
    missing += [column] if column not in table.columns else []
    if stamp is None or missing:
        do = f"add {' and '.join(missing)}, or name the values' column with --column"
        raise _bad(path, f"columns {', '.join(map(str, table.columns))}", "a time and a column of values", do)
    times, y = _times(path, table[stamp]), _numbers(path, table, column)
    observed = np.isfinite(y)
    if "observed" in table.columns:
        observed &= _numbers(path, table, "observed") != 0
    history = pd.DataFrame({"valid_at": times, "y": y, "observed": observed})
    others = [c for c in table.columns if c not in {stamp, column, "observed"}]
    extra = others if column == VALUES else []
    known = pd.DataFrame(
        {"valid_at": times} | {KNOWN_NAMES.get(c, c): _numbers(path, table, c) for c in extra}
    )
    name = path.name.split(".")[0] + (f"_{column}" if column != VALUES else "")
    return case(name.lower(), history, known)


def case(name: str, history: pd.DataFrame, known: pd.DataFrame) -> Case:
    """Cut a series into its parts.

    Raises:
        InputError: it is not regular, too short, or constant.
    """
    if not history["observed"].any():
        raise InputError(name, found="no measured hour", allowed="a measured series", do="check `observed`")
    frames.check_history(history, HOUR_S)
    days = len(history) * HOUR_S / DAY_S
    if days < NEEDED_DAYS:
        found, allowed = f"{days:.1f} days", f"at least {NEEDED_DAYS} days"
        raise InputError(name, found=found, allowed=allowed, do=f"add {NEEDED_DAYS - days:.1f} days")
    hours = pd.DatetimeIndex(history["valid_at"]).hour.to_numpy()
    first = int(np.ceil(TEST_FROM * len(history)))
    test = first + int(np.argmax(hours[first:] == 0))
    validation = test - round(VALIDATION_SHARE * test)
    made = Case(name, Task(name, HOUR_S, HOURS_PER_DAY), history, known, validation, test)
    if not made.scale > 0:
        found = "a series that does not change from one day to the next before its test part"
        raise InputError(name, found=found, allowed="one that varies", do="choose another series")
    if not made.truth()[1].any():
        found = f"no measured hour in the last {days * (1 - TEST_FROM):.0f} days"
        raise InputError(name, found=found, allowed="hours to score", do="choose another period")
    return made


def score(case: Case, quantiles: Floats) -> dict[str, Any]:
    """Figures of one model, over measured hours only.

    Args:
        case: what was forecast.
        quantiles: (days, 24, 3) at `LEVELS`; put in order here.
    """
    truth, seen = case.truth()
    ordered = np.sort(quantiles, axis=2)
    y, q = truth[seen], ordered[seen]
    error = metrics.mae(y, q[:, MIDDLE])
    by_lead = {}
    for bucket, (first, end) in LEADS.items():
        part = seen[:, first:end]
        values = truth[:, first:end][part], ordered[:, first:end][part]
        by_lead[f"wql_lead_{bucket}"] = metrics.wql(*values, LEVELS)
    return {
        "mase": error / case.scale,
        "wql": metrics.wql(y, q, LEVELS),
        "coverage80": metrics.coverage(y, q[:, LOW], q[:, HIGH]),
        "mae": error,
        "rmse": metrics.rmse(y, q[:, MIDDLE]),
        "width80": float(np.mean(q[:, HIGH] - q[:, LOW])),
        "rmse_daily_peak": _peak_error(truth, seen, ordered[:, :, MIDDLE]),
        **by_lead,
        "days": len(truth),
        "hours_scored": int(seen.sum()),
    }


def daily_pinball(case: Case, quantiles: Floats) -> Floats:
    """(days,) mean pinball loss of each day's measured hours; NaN for a day without any."""
    truth, seen = case.truth()
    ordered = np.sort(quantiles, axis=2)
    return np.array(
        [
            metrics.pinball(y[there], q[there], LEVELS).mean() if there.any() else np.nan
            for y, q, there in zip(truth, ordered, seen, strict=True)
        ]
    )


def _peak_error(truth: Floats, seen: Bools, median: Floats) -> float:
    """RMSE of the day's largest value, over days with measured hours and over those hours."""
    days = seen.any(axis=1)
    real, said = (np.where(seen, values, -np.inf).max(axis=1)[days] for values in (truth, median))
    return metrics.rmse(real, said)


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError, EOFError) as error:
        why = str(error).splitlines()[0] if path.exists() else "no such file"
        raise _bad(path, why, "a csv or csv.gz", "check the path and the file") from error


def _times(path: Path, column: pd.Series) -> pd.DatetimeIndex:
    """Aware times; those without a zone are a local clock's, read as UTC."""
    try:
        times = pd.DatetimeIndex(pd.to_datetime(column, utc=True))
    except (ValueError, TypeError) as error:
        raise _bad(path, f"times such as {column.iloc[0]!r}", "times", "write them as ISO 8601") from error
    if times.hasnans:
        raise _bad(path, "a row without a time", "a time in every row", "fill it in or remove the row")
    return times


def _numbers(path: Path, table: pd.DataFrame, column: str) -> Floats:
    try:
        values = table[column].to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        found = f"{table[column].dtype} values in column {column}"
        raise _bad(path, found, "numbers", "remove the column or its text") from error
    return np.where(np.isfinite(values), values, np.nan)


def _bad(path: Path, found: str, allowed: str, do: str) -> InputError:
    return InputError(path.name, found=found, allowed=allowed, do=do)

"""What was known at each moment of the past: calibrations, forecasts and weather as they were issued."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from core import db
from core.errors import NotReadyError
from core.series import floor_time
from core.units import W_PER_KW
from twin.advise import outlook, usual
from twin.advise.brief import LATELY, Fitted
from twin.advise.confirmed import agreeing
from twin.advise.outlook import (
    HORIZON_H,
    MODELS,
    PLAN_H,
    STEP_H,
    STEP_S,
    STEPS,
    TARGET,
    Carbon,
    Load,
    Weather,
)
from twin.calibration import from_row
from twin.replay import carbon_g_per_kwh

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.series import Floats
    from core.site import Site
    from twin.calibration import Calibration
    from twin.history import History
    from twin.plant.curves import Flags

USUAL: Final = "usual course"
"""What a forecast is called that was made from data up to its hour."""
BEFORE: Final = timedelta(days=usual.DAYS)
"""How far back such a forecast looks."""
REACH: Final = timedelta(days=3)
"""A weather forecast older than this is of no use."""
LATEST: Final = 8
"""So many of the newest forecasts are looked at."""
HALF_STEP_S: Final = STEP_S / 2


class Issue(NamedTuple):
    """A forecast of the IT power as it was issued."""

    known_s: float
    """POSIX time from which it was known [s]."""
    model: str
    valid_s: Floats
    """(n,) middles of its steps [s]."""
    kw: Floats
    """(3, n) p10, p50, p90 [kW]."""


class WeatherIssue(NamedTuple):
    """A weather forecast as it was issued."""

    known_s: float
    """POSIX time from which it was known [s]."""
    valid_s: Floats
    """(n,) times it is for [s]."""
    dry_bulb_c: Floats
    wet_bulb_c: Floats


@dataclass
class Past:
    """A period of the past, and what was known in it; a quarter hour's step."""

    site: Site
    history: History
    """What was measured, from `BEFORE` the period on; gaps bridged."""
    calibrations: Sequence[Calibration]
    """Oldest first."""
    issues: Sequence[Issue] = ()
    """In the order in which they became known."""
    weathers: Sequence[WeatherIssue] = ()
    """The same."""
    carbon_g_per_kwh: Floats | None = None
    """(n,) the grid's carbon intensity at each step of the history, NaN where it said nothing [g/kWh]."""
    _fitted: dict[int, Fitted] = field(default_factory=dict)
    _agree: dict[int, Flags] = field(default_factory=dict)
    _errors: dict[tuple[str, int], Floats] = field(default_factory=dict)

    def step(self, at: datetime) -> int:
        """How many steps of the history had been measured at a time; none before it begins."""
        return max((at - self.history.start) // self.history.step, 0)

    def calibration(self, at: datetime) -> tuple[Calibration, bool]:
        """The calibration in use at a time, and whether it is of a later one because there was none yet."""
        known = [c for c in self.calibrations if c.created_at <= at]
        return (known[-1], False) if known else (self.calibrations[0], True)

    def twin(self, at: datetime) -> Fitted:
        """The twin as it was at a time, with what it had lately been right about."""
        calibration, _ = self.calibration(at)
        number = calibration.calibration_id or 0
        if number not in self._fitted:
            base = self._fitted[number] = Fitted.of(self.site, calibration)
            self._agree[number] = agreeing(calibration, base.parameters, self.history)
        now = max(self.step(at), 0)
        lately = slice(max(now - round(LATELY / self.history.step), 0), now)
        return self._fitted[number].after(self.history.part(lately), self._agree[number][lately])

    def load(self, at: datetime) -> Load:
        """The forecast of the IT power that was in force, else one made from data up to then."""
        now_s = at.timestamp()
        fresh = [i for i in _latest(self.issues, now_s) if i.known_s >= now_s - outlook.FORECAST_AGE_MAX_S]
        for issue in sorted(
            fresh, key=lambda i: (-i.known_s, MODELS.index(i.model) if i.model in MODELS else 0)
        ):
            reach_h = min((issue.valid_s[-1] + HALF_STEP_S - now_s) / 3600.0, PLAN_H)
            if reach_h >= HORIZON_H:
                middles_s = _middles_s(now_s, int(reach_h / STEP_H))
                kw = np.stack([np.interp(middles_s, issue.valid_s, row) for row in issue.kw])
                return Load(issue.model, datetime.fromtimestamp(issue.known_s, UTC), kw, reach_h)
        return Load(USUAL, at, self._usual("it_kw", at), PLAN_H)

    def weather(self, at: datetime) -> Weather:
        """The weather as it was forecast, else as it usually went up to then."""
        now_s = at.timestamp()
        for issue in reversed(_latest(self.weathers, now_s)):
            reach_h = min((issue.valid_s[-1] - now_s) / 3600.0, PLAN_H)
            if reach_h >= HORIZON_H:
                middles_s = _middles_s(now_s, int(reach_h / STEP_H))
                dry, wet = (
                    np.interp(middles_s, issue.valid_s, v) for v in (issue.dry_bulb_c, issue.wet_bulb_c)
                )
                return Weather("weather forecast", dry, outlook.spread(wet, outlook.WEATHER_SPREAD_K))
            break
        return Weather(USUAL, self._usual("dry_bulb_c", at)[1], self._usual("wet_bulb_c", at))

    def carbon(self, at: datetime) -> Carbon | None:
        """The grid's carbon intensity to come as it usually went up to then; none where it said nothing."""
        if self.carbon_g_per_kwh is None:
            return None
        quarters = self.carbon_g_per_kwh[: self.step(floor_time(at, outlook.HOUR))]
        whole = len(quarters) % usual.PER_HOUR
        by_hour = quarters[whole:].reshape(-1, usual.PER_HOUR).mean(axis=1)
        return outlook.usual_carbon(by_hour[-outlook.WEATHER_DAYS * outlook.PLAN_H :])

    def _usual(self, name: str, at: datetime) -> Floats:
        now = max(self.step(at), 1)  # at the beginning of everything, what is read right now is known
        quarters = np.asarray(getattr(self.history, name), dtype=np.float64)[:now]
        if len(quarters) < usual.DAYS * STEPS:
            flat = np.full(STEPS, quarters[-1])
            return np.stack([flat, flat, flat])
        key = (name, now // STEPS)
        if key not in self._errors:
            self._errors[key] = usual.errors(quarters[-usual.DAYS * STEPS :])
        return usual.quantiles(quarters[-usual.DAYS * STEPS :], self._errors[key])


def _latest(issues: Sequence[Any], now_s: float) -> Sequence[Any]:
    """The newest of what was known at a time, the newest last."""
    last = bisect_right(issues, now_s, key=lambda issue: issue.known_s)
    return issues[max(last - LATEST, 0) : last]


def _middles_s(now_s: float, steps: int) -> Floats:
    return np.asarray(now_s + STEP_S * (np.arange(min(steps, STEPS)) + 0.5), dtype=np.float64)


def known(conn: db.Connection, site: Site, history: History, start: datetime) -> Past:
    """Read what was known from a time on to the end of a history that begins `BEFORE` it.

    Raises:
        NotReadyError: the twin has never been calibrated.
    """
    of = {"site": site.id, "end": history.end}
    calibrations = [from_row(row) for row in db.rows(conn, "replay_calibrations", **of)]
    if not calibrations:
        raise NotReadyError("the twin has never been calibrated: `joulecast twin calibrate` does it")
    issued = db.rows(
        conn, "replay_forecasts", **of, start=start - timedelta(seconds=outlook.FORECAST_AGE_MAX_S),
        target=TARGET, step_s=STEP_S,
    )  # fmt: skip
    weather = db.rows(conn, "replay_weather", **of, start=start - REACH)
    issues = [
        Issue(
            row["issued_at"].timestamp(),
            row["model"],
            _posix(row["valid_at"]) + HALF_STEP_S,
            np.array([row["q10"], row["q50"], row["q90"]]) / W_PER_KW,
        )
        for row in issued
    ]
    weathers = [
        WeatherIssue(
            row["available_at"].timestamp(),
            _posix(row["valid_at"]),
            np.array(row["dry_bulb_c"]),
            np.array(row["wet_bulb_c"]),
        )
        for row in weather
    ]
    weathers.sort(key=lambda issue: issue.known_s)
    begun = _begun(history)
    carbon = carbon_g_per_kwh(conn, site, begun.start, begun.end, begun.step)
    return Past(site, begun, calibrations, issues, weathers, carbon)


def _begun(history: History) -> History:
    """The history from the first step at which everything was measured, gaps bridged.

    Raises:
        NotReadyError: there is none.
    """
    if not history.usable.any():
        raise NotReadyError(f"nothing was measured from {history.start:%Y-%m-%d} to {history.end:%Y-%m-%d}")
    first = int(np.argmax(history.usable))
    begun = replace(history.part(slice(first, None)), start=history.start + first * history.step)
    return begun.bridged(begun.usable)


def _posix(times: Iterable[datetime]) -> Floats:
    return np.array([time.timestamp() for time in times])

"""Cooling power to come, by the twin: forecast IT power and weather through the calibrated plant.

Where load or weather do what they have not done before, the plant's physics still holds; what has only seen
past cooling power does not know. Setpoints are taken to stay as they are. Scenarios of the load, each with
one of the weather, go through the plant together, since a plant does not follow the weather in proportion:
an economizer is on or off. On top comes the calibration's own error, taken as independent: the root of the
sum of squares of its meters' errors on data that were not fitted. Each quantile lies off the median by the
root of the sum of the squares of both.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db
from core.errors import NotReadyError
from core.units import W_PER_KW
from twin.advise.outlook import forecast_age_max_s
from twin.calibrate import in_use, load_history
from twin.fitting.fit import predicted
from twin.network import Conditions, Setpoints, reference_load_kw
from twin.weather_errors import EVEN, weather_errors, wrapped_h

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from core.clock import Clock
    from core.jobs import Context
    from core.site import Site
    from twin.calibration import Calibration
    from twin.history import History
    from twin.plant.curves import Floats
    from twin.simulate import Twin

MODEL: Final = "twin"
"""What the `forecast` table calls it."""
IT, COOLING = "it_power", "cooling_power"
STEPS: Final = (timedelta(minutes=15), timedelta(hours=1))
"""Grids on which IT power is forecast."""
MODELS: Final = ("ensemble", "lstm", "mstl", "seasonal_naive", "persistence")
"""In this order their IT power is believed where the chosen one has issued nothing lately."""
LEVELS: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
NAMES: Final = tuple(f"q{round(level * 100):02d}" for level in LEVELS)
MEDIAN: Final = LEVELS.index(0.5)
SCORES: Final = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
COOLING_METERS: Final = ("chiller_kw", "crah_fan_kw", "pump_kw", "tower_fan_kw", "evaporative_kw")
SCENARIOS: Final = 400
"""Pairs of a load's and a weather's course that are run."""
BEFORE: Final = timedelta(hours=12)
"""The twin starts so long before the issue: chillers and what was learned remember."""
DAY: Final = timedelta(hours=24)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issue:
    """One forecast of IT power."""

    model: str
    """Whose."""
    issued_at: datetime
    """When, and start of the first step."""
    step: timedelta
    """Length of a step."""
    courses_kw: Floats
    """(n, h) scenarios, each as likely as the others; where the issue has none, courses along its quantiles,
    as cooling rises with load."""

    @property
    def steps(self) -> int:
        """Steps that it looks ahead."""
        return int(self.courses_kw.shape[1])


@dataclass(frozen=True, slots=True)
class Outdoors:
    """Weather to come, (..., h)."""

    dry_bulb_c: Floats
    """[degC]."""
    wet_bulb_c: Floats
    """[degC]."""
    age: timedelta = timedelta(0)
    """Of the weather forecast when the load was forecast."""


@dataclass(frozen=True, slots=True)
class Cooling:
    """Cooling power to come."""

    quantiles_w: Floats
    """(h, 7) [W]."""
    weather: str
    """What the weather's spread is taken from, in words."""


@dataclass(frozen=True, slots=True)
class Run:
    """The twin over the hours before an issue and its horizon; setpoints stay as they were last."""

    site: Site
    """Whose cooling meters count."""
    twin: Twin
    """The calibrated plant."""
    past: History
    """The hours before, without gaps."""
    issue: Issue
    """The load to come."""

    def cooling_kw(self, it_kw: Floats, outdoors: Outdoors) -> Floats:
        """What the cooling meters would read together, with what was learned on top.

        Args:
            it_kw: (..., h) measured IT power to come [kW].
            outdoors: weather to come, of the same shape or (h,).

        Returns:
            (..., h) [kW].
        """
        parameters, past = self.twin.parameters, self.past
        before = past.conditions(parameters)
        conditions = Conditions(
            _joined(
                before.it_reference_kw, reference_load_kw(parameters, it_kw, past.supply_air_setpoint_c[-1])
            ),
            _joined(before.dry_bulb_c, outdoors.dry_bulb_c),
            _joined(before.wet_bulb_c, outdoors.wet_bulb_c),
        )
        state = self.twin.run(conditions, self._setpoints(), self.issue.step.total_seconds())
        total = state.learned_kw + sum(predicted(state, name) for name in metered(self.site))
        return np.asarray(total[..., len(past) :], dtype=np.float64)

    def _setpoints(self) -> Setpoints:
        series = {
            field.name: np.asarray(getattr(self.past.setpoints, field.name), dtype=np.float64)
            for field in fields(Setpoints)
        }
        steps = self.issue.steps
        return Setpoints(**{name: _joined(was, np.full(steps, was[-1])) for name, was in series.items()})


def forecast_site(context: Context) -> str:
    """Forecast cooling power from each new forecast of IT power.

    Raises:
        NotReadyError: cooling is not metered, or there is no calibration, forecast or weather.
    """
    if not context.site.meters.cooling:
        raise NotReadyError("site.toml names no meter of cooling power: there is nothing to forecast")
    made, there, reasons = [], 0, []
    with db.connect(context.dsn, autocommit=True) as conn:
        calibration = in_use(conn, context.site)
        for step in STEPS:
            try:
                issue = newest_issue(conn, context.site, context.clock, step)
                if _is_there(conn, context.site, issue):
                    there += 1
                    continue
                _store(conn, context.site, issue, cooling(conn, context.site, calibration, issue))
                made.append(f"{_named(step)} from {issue.model} of {issue.issued_at:%H:%M} UTC")
            except NotReadyError as reason:
                reasons.append(f"{_named(step)}: {reason}")
    if reasons and not made and not there:
        raise NotReadyError("; ".join(reasons))
    return f"cooling power {', '.join(made)}" if made else "nothing to do: no new forecast of IT power"


def newest_issue(conn: db.Connection, site: Site, clock: Clock, step: timedelta) -> Issue:
    """The newest forecast of IT power by the chosen model, or by the next one that has issued lately.

    Raises:
        NotReadyError: there is none.
    """
    now, step_s = clock.now(), round(step.total_seconds())
    since = now - max(timedelta(seconds=forecast_age_max_s(clock)), 2 * step)
    known: dict[str, Any] = {"site": site.id, "target": IT, "step_s": step_s}
    issues = db.rows(conn, "twin_it_issues", **known, now=now, since=since)
    order = [*[row["chosen"] for row in issues[:1]], *MODELS]
    usable = [row for row in issues if row["model"] in order]
    if not usable:
        raise NotReadyError(f"no forecast of IT power since {since:%Y-%m-%d %H:%M} UTC")
    best = min(usable, key=lambda row: order.index(row["model"]))
    known |= {"model": best["model"], "issued_at": best["issued_at"]}
    paths = [row["values_w"] for row in db.rows(conn, "forecast_paths", **known)]
    rows = db.rows(conn, "twin_issue", **known)
    courses = np.array(paths, dtype=np.float64) if paths else _along_quantiles(rows)
    return Issue(best["model"], best["issued_at"], step, courses / W_PER_KW)


def _along_quantiles(rows: list[db.Row]) -> Floats:
    """(n, h) courses, each at its own level of every step [W]."""
    quantiles = [[row[name] for name in NAMES] for row in rows]
    return np.array([np.interp(EVEN, LEVELS, of_step) for of_step in quantiles], dtype=np.float64).T


def cooling(conn: db.Connection, site: Site, calibration: Calibration, issue: Issue) -> Cooling:
    """Quantiles of the sum of the site's cooling meters over an issue's horizon.

    Args:
        conn: connection.
        site: the site.
        calibration: the twin.
        issue: the load to come.

    Raises:
        NotReadyError: there is no weather forecast, or nothing was measured before the issue.
    """
    outdoors = weather(conn, site, issue)
    before = load_history(conn, site, issue.issued_at - BEFORE, issue.issued_at, issue.step)
    if not before.usable.any():
        raise NotReadyError(
            f"load, weather and setpoints were not measured together in the {BEFORE // HOUR} h before"
            f" {issue.issued_at:%Y-%m-%d %H:%M} UTC"
        )
    run = Run(site, calibration.twin(site.plant), before.bridged(before.usable), issue)
    errors = weather_errors(conn, site, issue.issued_at, outdoors.age, issue.step, issue.steps)
    load, weathers = _pairs(len(issue.courses_kw), len(errors.wet_bulb_k))
    scenarios = Outdoors(
        outdoors.dry_bulb_c + errors.dry_bulb_k[weathers], outdoors.wet_bulb_c + errors.wet_bulb_k[weathers]
    )
    quantiles = np.quantile(run.cooling_kw(issue.courses_kw[load], scenarios), LEVELS, axis=0).T
    own_sd = np.full(issue.steps, calibration_sd_kw(site, calibration))
    return Cooling(widened(quantiles, own_sd) * W_PER_KW, errors.source)


def _pairs(loads: int, weathers: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which load meets which weather: each as often as the others, spread over them."""
    pair = np.arange(SCENARIOS)
    return pair % loads, pair * weathers // SCENARIOS


def widened(quantiles: Floats, sd: Floats) -> Floats:
    """Quantiles with an independent, normal error on top: each lies off the median by the root of squares.

    Args:
        quantiles: (h, 7) in order.
        sd: (h,) of the error, in the same unit.

    Returns:
        (h, 7) in order, not below zero.
    """
    median = quantiles[:, [MEDIAN]]
    off = np.hypot(quantiles - median, sd[:, None] * SCORES)
    return np.asarray(np.maximum(median + np.sign(SCORES) * off, 0.0), dtype=np.float64)


def calibration_sd_kw(site: Site, calibration: Calibration) -> float:
    """Error of the twin's cooling power: the root of the squares of its meters' errors off the fit [kW]."""
    errors = calibration.errors_in_use
    return float(
        np.sqrt(
            sum(
                (errors[name].cv_rmse_ratio * errors[name].mean) ** 2
                for name in metered(site)
                if name in errors
            )
        )
    )


def metered(site: Site) -> tuple[str, ...]:
    """The twin's quantities that the site's cooling meters add up to."""
    return tuple(name for name in COOLING_METERS if getattr(site.meters, name.removesuffix("_kw")))


def weather(conn: db.Connection, site: Site, issue: Issue) -> Outdoors:
    """The weather over the horizon as it was forecast when the load was; past its end as a day before.

    Raises:
        NotReadyError: no weather forecast was known then that reaches beyond.
    """
    end = issue.issued_at + issue.step * issue.steps
    rows = db.rows(
        conn,
        "twin_weather_forecast",
        site=site.id,
        now=issue.issued_at,
        start=issue.issued_at - DAY - HOUR,
        until=end + HOUR,
    )
    if not rows or rows[-1]["valid_at"] <= issue.issued_at:
        raise NotReadyError(
            f"no weather forecast that reaches beyond {issue.issued_at:%Y-%m-%d %H:%M} UTC: publish one to"
            " weather/$forecast, or run `joulecast collect weather`"
        )
    known_h = np.array([(row["valid_at"] - issue.issued_at) / HOUR for row in rows])
    wanted_h = (np.arange(issue.steps, dtype=np.float64) + 0.5) * (issue.step / HOUR)
    at_h = wrapped_h(wanted_h, known_h[-1])
    dry, wet = (
        np.interp(at_h, known_h, [row[name] for row in rows]) for name in ("dry_bulb_c", "wet_bulb_c")
    )
    return Outdoors(dry, wet, issue.issued_at - rows[-1]["issued_at"])


def _joined(before: Any, after: Floats) -> Floats:
    """Time is the last axis; what was is the same in all courses."""
    head = np.broadcast_to(np.asarray(before, dtype=np.float64), (*after.shape[:-1], np.shape(before)[-1]))
    return np.concatenate([head, after], axis=-1)


def _is_there(conn: db.Connection, site: Site, issue: Issue) -> bool:
    step_s = round(issue.step.total_seconds())
    return bool(
        db.rows(
            conn,
            "twin_issue",
            site=site.id,
            target=COOLING,
            step_s=step_s,
            model=MODEL,
            issued_at=issue.issued_at,
        )
    )


def _store(conn: db.Connection, site: Site, issue: Issue, found: Cooling) -> None:
    issued = {
        "site": site.id,
        "target": COOLING,
        "step_s": round(issue.step.total_seconds()),
        "model": MODEL,
        "issued_at": issue.issued_at,
    }
    with conn.transaction():
        db.rows(
            conn,
            "forecast_insert",
            **issued,
            valid_at=[issue.issued_at + issue.step * i for i in range(issue.steps)],
            model_version_id=None,
            **{name: found.quantiles_w[:, i].tolist() for i, name in enumerate(NAMES)},
        )
        db.rows(conn, "forecast_note_insert", **issued, note=db.json({"weather": found.weather}))


def _named(step: timedelta) -> str:
    return f"by {round(step / timedelta(minutes=1))} min"

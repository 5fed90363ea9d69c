"""What ``/api/v1`` reads: figures, points, series, forecasts, recommendations, alarms."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
from flask import Response

from core import store
from core.clock import parse_time
from core.errors import InputError, NotReadyError
from core.points import CATALOGUE, PointRef
from ui.api import models
from ui.data import advice, forecast, history, quality
from ui.data.live import snapshot
from ui.head import mode

if TYPE_CHECKING:
    from core.series import Series
    from ui.data import Shown, Source

ROWS_MAX: Final = 10_000
"""At most so many steps are given at once."""
POINTS_MAX: Final = 20
DAY: Final = timedelta(hours=24)
_MINUTE: Final = timedelta(minutes=1)
RAW_UP_TO: Final = timedelta(days=2)
"""A step that is not whole minutes is made of the readings themselves, of at most so long a period."""
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD: Final = timedelta(days=366)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_GRIDS: Final = {"15m": forecast.QUARTERS, "1h": forecast.HOURS}


def kpis(source: Source, _: models.Nothing) -> models.Kpis:
    """What is true now: each figure with unit, kind and time, or why there is none."""
    now, site = snapshot(source), source.context.site
    found = [
        _kpi("power_ratio", now.ratio),
        _kpi("facility_power", now.facility),
        _kpi("it_power", now.it),
        _kpi("cooling_power", now.cooling),
        _kpi("it_power_peak_24h", forecast.peak(source)),
    ]
    if now.worst:
        found.append(_kpi("worst_inlet", now.worst.inlet, now.worst.name))
    for pue in history.pue_of_periods(source):
        complete = pue.complete_ratio
        share = f"category {pue.category}, {complete:.0%} of the period measured"
        reason = None if complete else "nothing was measured in this period"
        found.append(
            models.Kpi(
                name=f"pue_{pue.hours:.0f}h",
                value=pue.value if complete else None,
                unit="1",
                kind="measured",
                time=now.at,
                about=share,
                reason=reason,
            )
        )
    return models.Kpis(site=site.id, time=now.at, mode=mode(source), data_age_s=now.data_age_s, kpis=found)


def _kpi(name: str, shown: Shown, about: str | None = None) -> models.Kpi:
    return models.Kpi(
        name=name,
        value=shown.value,
        unit=shown.unit,
        kind=shown.kind.value,
        time=shown.time,
        low=shown.low,
        high=shown.high,
        about=about,
        reason=shown.reason or None,
    )


def points(source: Source, _: models.Nothing) -> models.Points:
    """Every point that was heard of or that the site's description names."""
    found = [
        models.PointGiven(
            ref=point.ref,
            label=point.label,
            unit=point.unit,
            role=str(CATALOGUE[name].role)
            if (name := point.ref.rpartition("/")[2]) in CATALOGUE
            else "sensor",
            value=point.value,
            time=point.time,
            age_s=point.age_s,
            status=point.status,
            verdict=str(point.verdict),
            problems=list(point.problems),
        )
        for point in quality.points(source)
    ]
    return models.Points(site=source.context.site.id, time=source.now, points=found)


def series(source: Source, asked: models.SeriesAsked) -> models.SeriesGiven | Response:
    """Means of points, or of sums by name, over equal steps.

    Raises:
        InputError: what is asked for cannot be, or is too much at once.
        NotReadyError: a point was never seen.
    """
    wanted = _wanted(source, asked)
    step = timedelta(seconds=int(asked.step[:-1]) * _SECONDS[asked.step[-1]])
    end = _time("to", asked.end, source.now)
    start = _time("from", asked.start, end - DAY)
    rows = (end - start) / step
    if rows <= 0:
        raise InputError("from", found=f"{start.isoformat()}", allowed="a time before to", do="swap them")
    if rows > ROWS_MAX:
        raise InputError(
            "from, to and step",
            found=f"{rows:.0f} steps",
            allowed=f"at most {ROWS_MAX}",
            do="take a longer step or a shorter period",
        )
    if step % _MINUTE and end - start > RAW_UP_TO:
        raise InputError(
            "step",
            found=f"{asked.step} over {(end - start) / DAY:.1f} days",
            allowed=f"whole minutes over more than {RAW_UP_TO.days} days",
            do="take a step like 1m, 15m or 1h, or a shorter period",
        )
    with source.connection() as conn:
        found = {
            name: store.series_sum(conn, source.context.site.id, refs, start, end, step)
            for name, refs in wanted.items()
        }
    units = {name: CATALOGUE[refs[0].point].unit for name, refs in wanted.items()}
    given = _series(source, found, units, step)
    return _csv(given) if asked.format == "csv" else given


def _wanted(source: Source, asked: models.SeriesAsked) -> dict[str, tuple[PointRef, ...]]:
    """What each series is the sum of."""
    if bool(asked.points) == bool(asked.name):
        raise InputError(
            "points or name", found="both or neither", allowed="one of them", do="see /api/v1/points"
        )
    if asked.points:
        refs = [PointRef.parse(text.strip()) for text in asked.points.split(",")]
        if len(refs) > POINTS_MAX:
            raise InputError(
                "points", found=f"{len(refs)}", allowed=f"at most {POINTS_MAX}", do="ask more than once"
            )
        return {str(ref): (ref,) for ref in refs}
    meters = source.context.site.meters
    named = {"facility_power": meters.facility, "it_power": meters.it, "cooling_power": meters.cooling}
    named |= source.context.site.forecast.targets
    if not named.get(asked.name):
        raise InputError("name", found=repr(asked.name), allowed=", ".join(named), do="choose one")
    return {asked.name: named[asked.name]}


def _time(name: str, text: str, default: datetime) -> datetime:
    if not text:
        return default
    try:
        found = parse_time(text.replace(" ", "+"))  # a plus sign in an address is a blank
        if EARLIEST <= found <= default + AHEAD:
            return found
    except (ValueError, OverflowError, InputError):
        pass
    raise InputError(
        name, found=repr(text), allowed="ISO 8601 from the year 2000 on", do="write it like 2026-03-02T14:20Z"
    )


def _series(
    source: Source, found: dict[str, Series], units: dict[str, str], step: timedelta
) -> models.SeriesGiven:
    first = next(iter(found.values()))
    columns = [
        models.Column(
            name=name,
            unit=units[name],
            values=[value if np.isfinite(value) else None for value in one.values.tolist()],
        )
        for name, one in found.items()
    ]
    return models.SeriesGiven(
        site=source.context.site.id, step_s=step.total_seconds(), times=first.times, series=columns
    )


def _csv(given: models.SeriesGiven) -> Response:
    """RFC 4180: the start of the step in UTC, then a column for each series, its unit in the heading."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time_utc", *(f"{column.name} [{column.unit}]" for column in given.series)])
    for index, time in enumerate(given.times):
        cells = (column.values[index] for column in given.series)
        writer.writerow([f"{time:%Y-%m-%dT%H:%M:%SZ}", *("" if cell is None else cell for cell in cells)])
    return Response(text.getvalue(), mimetype="text/csv")


def forecasts(source: Source, asked: models.ForecastsAsked) -> models.ForecastGiven:
    """The newest forecast of the model that counts.

    Raises:
        InputError: nothing of that name is forecast.
        NotReadyError: there is none yet.
    """
    known = forecast.targets(source)
    if asked.target not in known:
        raise InputError("target", found=repr(asked.target), allowed=", ".join(known), do="choose one")
    found = forecast.picked(source, asked.target, _GRIDS[asked.grid])
    if found is None:
        raise NotReadyError(f"no forecast of {asked.target} in steps of {asked.grid} yet")
    steps = [
        models.ForecastStep(time=s.time, q05=s.q05, q25=s.q25, q50=s.q50, q75=s.q75, q95=s.q95)
        for s in found.shown.steps
    ]
    return models.ForecastGiven(
        site=source.context.site.id,
        target=asked.target,
        model=found.shown.model,
        issued_at=found.shown.issued_at,
        fresh=found.fresh,
        step_s=found.shown.step.total_seconds(),
        steps=steps,
    )


def recommendations(source: Source, asked: models.RecommendationsAsked) -> models.Recommendations:
    """The newest ones, those that wait for something first."""
    found = advice.recommendations(source, asked.limit)
    return models.Recommendations(
        site=source.context.site.id,
        time=source.now,
        recommendations=[_given(one) for one in found if asked.state in {"", str(one.state)}],
    )


def _given(one: advice.Recommendation) -> models.RecommendationGiven:
    low, middle, high = one.saving_kw
    verified = one.verified
    return models.RecommendationGiven(
        id=one.recommendation_id,
        version=one.version,
        state=str(one.state),
        type=one.kind,
        authority=str(one.authority),
        created_at=one.created_at,
        expires_at=one.expires_at,
        due_at=one.due_at,
        objective=one.objective,
        changes=[
            models.ChangeGiven(setpoint=change.setpoint.value, from_c=change.from_c, to_c=change.to_c)
            for change in one.changes
        ],
        saving_kw=models.Spread(p10=low, p50=middle, p90=high),
        prediction=one.prediction,
        gates=[{"gate": v.gate, "ok": v.ok, "reason": v.reason} for v in one.verdicts],
        accepted_by=list(one.names),
        verified_kwh=models.Spread(p10=verified.p10_kwh, p50=verified.p50_kwh, p90=verified.p90_kwh)
        if verified
        else None,
    )


def alarms(source: Source, asked: models.AlarmsAsked) -> models.Alarms:
    """The alarms that stand, the gravest first."""
    rows = source.rows("ui_api_alarms", site=source.context.site.id, count=asked.limit)
    return models.Alarms(
        site=source.context.site.id, time=source.now, alarms=[models.AlarmGiven(**row) for row in rows]
    )

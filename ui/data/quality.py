"""How good the data are: every point with what is wrong with it, what was refused, one point over time."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import store
from core.errors import InputError, JoulecastError
from core.points import BAD_FROM, CATALOGUE, PointRef, Status, status_name
from ui.data.source import patience

if TYPE_CHECKING:
    from datetime import datetime

    from core.series import Floats
    from ui.data.source import Source

log = logging.getLogger(__name__)
LISTED: Final = 100
"""How many kinds of refused messages the page lists."""
DAY: Final = timedelta(hours=24)
LATE_STEPS: Final = 3.0
"""A point is late when it has been silent for so many of its usual steps."""
UNMEASURED_LATE_S: Final = 900.0
"""From when on a point is late whose usual step is not known yet [s]."""
_MEASURE_EVERY_WALL_S: Final = 600.0
_KEEP_POINTS_WALL_S: Final = 5.0
_POINTS: Final = "quality points"
MARKS: Final = {
    Status.UNCERTAIN_LAST_USABLE: "flat line",
    Status.UNCERTAIN_SENSOR_NOT_ACCURATE: "jumps",
    Status.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED: "looks like another unit",
    Status.UNCERTAIN_CONFIGURATION_ERROR: "device's clock is wrong",
    Status.BAD_OUT_OF_RANGE: "out of range",
}
"""What the marks of ingest mean."""


class Verdict(StrEnum):
    """What a point is worth now, the worst first."""

    BAD = "bad"
    LATE = "late"
    NEVER = "never heard"
    UNCERTAIN = "uncertain"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Point:
    """One point and what is wrong with it."""

    ref: str
    label: str
    unit: str
    """Canonical unit."""
    value: float | None
    """Newest reading [unit]; None before the first."""
    time: datetime | None
    age_s: float | None
    """[s of plant time]."""
    status: str
    """OPC UA status by its name."""
    verdict: Verdict
    problems: tuple[str, ...]
    """In words."""
    gaps: int | None
    """Within 24 h; None where that is not known yet."""
    longest_s: float | None
    """Its longest gap [s]."""
    usual_s: float | None
    """The step in which its readings come [s]."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Messages of one topic that were refused for the same reason."""

    topic: str
    reason: str
    messages: int
    """Different ones."""
    seen: int
    """How often they came."""
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Trend:
    """One point over a period."""

    ref: PointRef
    label: str
    unit: str
    """Canonical unit."""
    start: datetime
    end: datetime
    step: timedelta | None
    """Length of the steps whose means these are; None: readings as they came."""
    times_s: Floats
    """(n,) [s since the epoch]."""
    values: Floats
    """(n,) [unit]."""
    bad: tuple[Floats, Floats]
    """Times [s since the epoch] and values [unit] of the readings that are marked bad; none among means."""
    gap_s: float
    """Longer without a reading is a gap [s]."""


@dataclass(frozen=True, slots=True)
class _Gaps:
    usual_s: float
    gaps: int
    longest_s: float


@dataclass(slots=True)
class _Gauge:
    at: datetime | None = None
    found: dict[int, _Gaps] = field(default_factory=dict)
    busy: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


def points(source: Source) -> tuple[Point, ...]:
    """Every point that was heard of or that the site's description names."""
    found: tuple[Point, ...] = source.kept(_POINTS, _KEEP_POINTS_WALL_S, lambda: _points(source))
    return found


def counts(found: tuple[Point, ...]) -> dict[Verdict, int]:
    """How many points there are of each verdict."""
    return {verdict: sum(point.verdict is verdict for point in found) for verdict in Verdict}


def refused(source: Source, count: int = LISTED) -> tuple[Refused, ...]:
    """What could not be read, by topic and reason, newest first."""
    return tuple(Refused(**row) for row in source.rows("ui_quality_rejected", count=count))


def measure_gaps(source: Source) -> None:
    """Find the gaps of the last 24 h; it may take seconds on a large site, so never within a poll."""
    site, now = source.context.site.id, source.now
    with patience():
        rows = source.rows("ui_quality_gaps", site=site, since=now - DAY, now=now)
    gauge = _gauge(source)
    gauge.found = {row.pop("point_id"): _Gaps(**row) for row in rows}
    gauge.at = source.now
    source.forget(_POINTS)


def _gauge(source: Source) -> _Gauge:
    found: _Gauge = source.lasting("quality gaps", _Gauge)
    return found


def _gaps(source: Source) -> dict[int, _Gaps]:
    """The gaps as they were measured last; measured again, beside the poll, when that is long ago."""
    gauge = _gauge(source)
    old_s = timedelta(seconds=_MEASURE_EVERY_WALL_S * source.context.clock.speed_ratio)
    with gauge.lock:
        due = not gauge.busy and (gauge.at is None or not timedelta() <= source.now - gauge.at < old_s)
        gauge.busy = gauge.busy or due
    if due:
        threading.Thread(target=_measure, args=(source, gauge), name="gaps", daemon=True).start()
    return gauge.found


def _measure(source: Source, gauge: _Gauge) -> None:
    try:
        measure_gaps(source)
    except JoulecastError as error:
        log.warning("gaps were not measured: %s", error)
    finally:
        gauge.busy = False


def _points(source: Source) -> tuple[Point, ...]:
    site, now = source.context.site, source.now
    gaps = _gaps(source)
    rows = source.rows("ui_quality_points", site=site.id)
    found = [_point(source, row, gaps.get(row["point_id"]), now) for row in rows]
    known = {point.ref for point in found}
    missing = [ref for ref in site.refs() if str(ref) not in known]
    found += [_never(source, ref) for ref in missing]
    return tuple(sorted(found, key=lambda p: (list(Verdict).index(p.verdict), p.ref)))


def _point(source: Source, row: dict[str, Any], gaps: _Gaps | None, now: datetime) -> Point:
    label = label_of(source, row["asset_id"], row["name"])
    if row["time"] is None:
        return _never(source, PointRef(row["asset_id"], row["name"]))
    age_s = (now - row["time"]).total_seconds()
    late_s = max(source.late_s, LATE_STEPS * gaps.usual_s if gaps else UNMEASURED_LATE_S)
    problems = tuple(_problems(row, age_s))
    return Point(
        ref=row["ref"],
        label=label,
        unit=row["unit"],
        value=row["value"],
        time=row["time"],
        age_s=age_s,
        status=status_name(row["status"]),
        verdict=_verdict(row["status"], age_s > late_s, bool(problems)),
        problems=problems,
        gaps=gaps.gaps if gaps else None,
        longest_s=gaps.longest_s if gaps else None,
        usual_s=gaps.usual_s if gaps else None,
    )


def _never(source: Source, ref: PointRef) -> Point:
    label, unit = label_of(source, ref.asset, ref.point), CATALOGUE[ref.point].unit
    problems = ("nothing has come yet",)
    return Point(str(ref), label, unit, None, None, None, "", Verdict.NEVER, problems, None, None, None)


def _problems(row: dict[str, Any], age_s: float) -> list[str]:
    said = [MARKS[Status(row["status"])]] if row["status"] in set(MARKS) else []
    kind = CATALOGUE.get(row["name"])
    if kind and not kind.low <= row["value"] <= kind.high and "out of range" not in said:
        said.append("out of range")
    if age_s < -1:
        said.append(f"its clock is {-age_s:.0f} s ahead")
    return said


def _verdict(status: int, late: bool, problem: bool) -> Verdict:  # two facts of one row
    if status >= BAD_FROM:
        return Verdict.BAD
    if late:
        return Verdict.LATE
    return Verdict.UNCERTAIN if problem or status >= Status.UNCERTAIN else Verdict.GOOD


def label_of(source: Source, asset_id: str, name: str) -> str:
    """What a person calls an asset and its point."""
    labels = {asset.id: asset.label for asset in source.context.site.assets}
    return f"{labels.get(asset_id) or asset_id} · {CATALOGUE[name].label if name in CATALOGUE else name}"


READINGS_UP_TO: Final = timedelta(hours=25)
"""A longer period is read as means."""
STEPS: Final = (
    (timedelta(days=3), timedelta(minutes=1)),
    (timedelta(days=14), timedelta(minutes=5)),
    (timedelta.max, timedelta(hours=1)),
)
"""Up to which length of a period there is one mean in which step."""


def trend(source: Source, text: str, start: datetime, end: datetime) -> Trend:
    """One point over a period: readings as they came, or means of a longer one.

    Raises:
        InputError: there is no such point, or nothing was ever heard of it.
    """
    ref = PointRef.parse(text)
    site = source.context.site
    with source.connection() as conn:
        ids = store.point_ids(conn, site.id, (ref,))
    if str(ref) not in ids:
        raise InputError(
            "point", found=f"nothing heard of {ref}", allowed="a point of the list", do="choose one there"
        )
    if end - start <= READINGS_UP_TO:
        return _readings(source, ref, ids[str(ref)], start, end)
    return _means(source, ref, start, end)


def _readings(source: Source, ref: PointRef, point_id: int, start: datetime, end: datetime) -> Trend:
    rows = source.rows("ui_quality_readings", point=point_id, start=start, end=end)
    times = np.array([row["time"].timestamp() for row in rows], dtype=np.float64)
    values = np.array([row["value"] for row in rows], dtype=np.float64)
    bad = np.array([row["status"] >= BAD_FROM for row in rows], dtype=bool)
    good_s: Floats = times[~bad]
    usual_s = float(np.median(np.diff(good_s))) if len(good_s) > 1 else 0.0
    gap_s = max(LATE_STEPS * usual_s, usual_s + 120.0)
    label, unit = label_of(source, ref.asset, ref.point), CATALOGUE[ref.point].unit
    marked = (times[bad], values[bad])
    return Trend(ref, label, unit, start, end, None, good_s, values[~bad], marked, gap_s)


def _means(source: Source, ref: PointRef, start: datetime, end: datetime) -> Trend:
    step = next(step for length, step in STEPS if end - start <= length)
    with source.connection() as conn:
        found = store.series_sum(conn, source.context.site.id, (ref,), start, end, step)
    step_s = step.total_seconds()
    times = found.start.timestamp() + step_s * np.arange(len(found), dtype=np.float64)
    there = np.isfinite(found.values)
    usual_s = float(np.median(np.diff(times[there]))) if np.count_nonzero(there) > 1 else step_s
    label, unit = label_of(source, ref.asset, ref.point), CATALOGUE[ref.point].unit
    nothing = np.empty(0)
    gap_s = max(LATE_STEPS * usual_s, step_s * 1.5)
    return Trend(
        ref, label, unit, start, end, step, times[there], found.values[there], (nothing, nothing), gap_s
    )


def thin(trend: Trend, most: int) -> list[int | None]:
    """Which values a chart of about so many shows, with every peak among them; None where a gap is."""
    from tsdownsample import MinMaxLTTBDownsampler  # noqa: PLC0415  # Rust; loads when a trend is drawn

    times, count = trend.times_s, len(trend.times_s)
    picked = np.arange(count)
    if count > most:
        sampler: Any = MinMaxLTTBDownsampler  # its constructor says no types
        picked = sampler().downsample(times, trend.values, n_out=most).astype(np.int64)
    stretch = np.concatenate([[0], np.cumsum(np.diff(times) > trend.gap_s)]) if count else np.empty(0)
    shown: list[int | None] = []
    for at, index in enumerate(picked.tolist()):
        if at and stretch[index] != stretch[picked[at - 1]]:
            shown.append(None)
        shown.append(index)
    return shown

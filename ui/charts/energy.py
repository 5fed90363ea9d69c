"""Charts of a period's energy: PUE by day, load duration, PUE against the weather."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ui import figures
from ui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from core.kpi import Breakdown
    from core.series import Floats
    from ui.figures import Figure, Trace

SHADES: Final = ("#56697B", "#6F8294", "#8A9BAB", "#A5B3C0", "#7C8791", "#5C6C7B")
"""Greys of the subsystems, light and dark alike."""
REST: Final = "unaccounted"
DURATION_POINTS: Final = 201
"""Shares of the time at which a load-duration curve is drawn."""
CLOUD_POINTS: Final = 1000
"""A cloud has at most so many points."""
BIN_K: Final = 1.0
"""Width of a bin of the wet bulb [K]."""
BIN_FEWEST: Final = 2
_PERCENT: Final = 100.0


def pue(
    buckets: Sequence[tuple[datetime, Breakdown]], zone: ZoneInfo, end: datetime, *, by_hour: bool
) -> Figure:
    """PUE by day or hour as bars from 1 up: what each subsystem adds, and what no meter accounts for.

    Args:
        buckets: start and energies of each.
        zone: the reader's.
        end: of the period; the time axis is at the offset in force then.
        by_hour: whether a bucket is an hour, otherwise a day.
    """
    known = [(start, of) for start, of in buckets if of.complete_ratio and of.it_kwh > 0]
    names = list(dict.fromkeys(name for _, of in known for name in of.overhead_kwh))
    offset = fmt.offset_of(end, zone)
    x: list[str] = (
        fmt.axis_times([start for start, _ in known], offset)
        if by_hour
        else [f"{start.astimezone(zone):%Y-%m-%d}" for start, _ in known]
    )
    shares = {name: [of.overhead_kwh.get(name, 0.0) / of.it_kwh for _, of in known] for name in names}
    shares[REST] = [of.residual_kwh / of.it_kwh for _, of in known]
    traces: list[Trace] = []
    base = [1.0] * len(known)
    for index, (name, values) in enumerate(shares.items()):
        traces.append(
            {
                "type": "bar",
                "name": name,
                "x": x,
                "y": values,
                "base": base,
                "marker": _look(index, name),
                "hovertemplate": "%{y:.3f}",
            }
        )
        base = [low + value for low, value in zip(base, values, strict=True)]
    whole = [of.pue for _, of in known]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "PUE",
            "x": x,
            "y": whole,
            "marker": {
                "color": figures.MEASURED,
                "size": 7,
                "symbol": "line-ew-open",
                "line": {"width": 2.5},
            },
            "hovertemplate": "%{y:.3f}",
        }
    )
    shape = figures.layout(end, zone, barmode="overlay", bargap=0.25)
    shape["yaxis"] = {
        "range": [1.0, max([1.1, *(1.0 + (value - 1.0) * 1.08 for value in whole)])],
        "tickformat": ".2f",
        "title": {"text": "PUE", "font": {"size": 12}},
    }
    if not by_hour:
        shape["xaxis"] |= {
            "tickangle": "auto",  # on a phone seven names do not stand side by side
            "tickformat": "%a %d %b" if len(buckets) <= _FEW_DAYS else "%d %b",
            "hoverformat": "%a %d %b %Y",
            "title": {"text": f"days of the site ({zone.key})", "font": {"size": 11}, "standoff": 8},
        }
        days = [f"{start.astimezone(zone):%Y-%m-%d}" for start, _ in buckets]
        if days:
            shape["xaxis"]["range"] = [_noon(days[0], -1), _noon(days[-1], 0)]
        if len(days) <= _FEW_DAYS:
            shape["xaxis"] |= {"tickvals": days, "tickmode": "array"}
    return {"data": traces, "layout": shape}


_FEW_DAYS: Final = 8


def _noon(day: str, shift: int) -> str:
    """Noon of a day, so many days later: half a bar beside its middle."""
    return f"{datetime.fromisoformat(day) + timedelta(days=shift):%Y-%m-%dT12:00}"


def _look(index: int, name: str) -> dict[str, Any]:
    if name == REST:
        return {
            "color": "rgba(124,135,145,0.25)",
            "pattern": {"shape": "/", "size": 6, "fgcolor": figures.BASELINE},
        }
    return {"color": SHADES[index % len(SHADES)]}


def duration(facility_kw: Floats, it_kw: Floats, zone: ZoneInfo, now: datetime) -> Figure:
    """Load-duration curves: power that is exceeded for a share of the time.

    Args:
        facility_kw: means by interval [kW].
        it_kw: likewise.
        zone: the reader's.
        now: plant's time.
    """
    traces = [
        figures.line(*_exceeded(values), name, color, "kW", dash=dash, digits=".0f")
        for name, values, color, dash in (
            ("facility", facility_kw, figures.MEASURED, "solid"),
            ("IT", it_kw, figures.MEASURED, "dash"),
        )
    ]
    shape = figures.layout(now, zone)
    shape["xaxis"] = {
        "title": {"text": "share of the time [%]", "font": {"size": 11}, "standoff": 8},
        "range": [0, _PERCENT],
        "hoverformat": ".0f",
        "ticksuffix": "",
    }
    shape["yaxis"] = {"title": {"text": "exceeded [kW]", "font": {"size": 12}}, "nticks": 6}
    return {"data": traces, "layout": shape}


def _exceeded(values: Floats) -> tuple[list[Any], list[float | None]]:
    known = values[np.isfinite(values)]
    if not len(known):
        return [], []
    shares = np.linspace(0.0, 1.0, min(DURATION_POINTS, max(len(known), 2)))
    return (shares * _PERCENT).tolist(), np.quantile(known, 1.0 - shares).tolist()


def weather(
    wet_bulb_c: Floats, ratio: Floats, twin: tuple[Floats, Floats] | None, zone: ZoneInfo, now: datetime
) -> Figure:
    """PUE of hours against the outdoor wet bulb, and the twin's of the same hours as a curve.

    Args:
        wet_bulb_c: by hour [degC].
        ratio: facility over IT by hour [1].
        twin: wet bulb and the twin's ratio of the hours that it can be asked about; none without a twin.
        zone: the reader's.
        now: plant's time.
    """
    known = np.flatnonzero(np.isfinite(wet_bulb_c) & np.isfinite(ratio))
    some = known[:: max(-(-len(known) // CLOUD_POINTS), 1)]
    unit = fmt.degree()
    traces: list[Trace] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "measured, an hour each",
            "x": [fmt.display_value(float(v), "degC") for v in wet_bulb_c[some]],
            "y": ratio[some].tolist(),
            "marker": {"color": figures.MEASURED, "size": 5, "opacity": 0.55},
            "hovertemplate": f"%{{x:.1f}} {unit}: %{{y:.3f}}<extra></extra>",
        }
    ]
    if twin is not None:
        middles, medians = binned(*twin)
        x = [fmt.display_value(value, "degC") for value in middles]
        traces.append(
            figures.line(x, medians, "twin, same hours (median)", figures.TWIN, "", dash="dash", digits=".3f")  # type: ignore[arg-type]  # numbers on this axis
        )
    shape = figures.layout(now, zone, hovermode="closest")
    shape["xaxis"] = {
        "title": {"text": f"outdoor wet bulb [{unit}]", "font": {"size": 11}, "standoff": 8},
        "nticks": 8,
    }
    shape["yaxis"] = {
        "title": {"text": "facility / IT", "font": {"size": 12}},
        "tickformat": ".3f",
        "nticks": 6,
    }
    return {"data": traces, "layout": shape}


def binned(wet_bulb_c: Floats, ratio: Floats) -> tuple[list[float], list[float | None]]:
    """Medians by kelvin of wet bulb, at the mean wet bulb of each bin that has enough hours."""
    bins = np.floor(wet_bulb_c / BIN_K).astype(int)
    middles: list[float] = []
    medians: list[float | None] = []
    for one in np.unique(bins).tolist():
        inside = bins == one
        if inside.sum() >= BIN_FEWEST:
            middles.append(float(wet_bulb_c[inside].mean()))
            medians.append(float(np.median(ratio[inside])))
    return middles, medians

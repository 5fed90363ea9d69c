"""Charts of the page Racks: one rack's inlet and power over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ui import figures
from ui import format as fmt
from ui.figures import BASELINE, MEASURED, Figure, Trace, line, numbers

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.series import Series

_SMALL: Final = {"size": 11}


def rack(
    inlet: Series | None,
    power: Series | None,
    limit_c: float,
    now: datetime,
    zone: ZoneInfo,
    power_name: str = "power",
) -> Figure:
    """Inlet with its recommended limit, and power below where it is metered.

    Args:
        inlet: means [degC]; None where it has no sensor.
        power: means [W]; None where nothing meters it.
        limit_c: recommended upper inlet temperature [degC].
        now: plant's time.
        zone: the reader's.
        power_name: what the power is of.
    """
    offset, unit = fmt.offset_of(now, zone), fmt.degree()
    shape = figures.layout(now, zone)
    traces: list[Trace] = []
    split = 0.46 if power is not None and inlet is not None else 0.0
    if inlet is not None:
        x = fmt.axis_times(inlet.times, offset)
        shown = numbers([fmt.display_value(value, "degC") for value in inlet.values.tolist()])
        limit = fmt.display_value(limit_c, "degC")
        traces.append(line(x, shown, "inlet", MEASURED, unit, digits=".1f"))
        traces.append(
            line(x, [limit] * len(x), "recommended limit", BASELINE, unit, dash="dash", digits=".1f")
        )
        shape["yaxis"] = {
            "domain": [split, 1],
            "title": {"text": f"inlet [{unit}]", "font": _SMALL},
            "nticks": 5,
        }
    if power is not None:
        x = fmt.axis_times(power.times, offset)
        kilowatts = figures.kilowatts(power)
        axis = "y2" if inlet is not None else "y"
        traces.append(line(x, kilowatts, power_name, MEASURED, "kW", digits=".1f", yaxis=axis, width=1.3))
        told: dict[str, Any] = {"title": {"text": "power [kW]", "font": _SMALL}, "nticks": 4}
        shape["yaxis2" if inlet is not None else "yaxis"] = {
            "domain": [0, split - 0.08] if inlet is not None else [0, 1],
            "rangemode": "tozero",
            **told,
        }
        shape["xaxis"]["anchor"] = axis
    return {"data": traces, "layout": shape}

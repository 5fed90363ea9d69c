"""The live figures as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ui.data import forecast, history
from ui.data.live import snapshot
from ui.head import mode

if TYPE_CHECKING:
    from ui.data import Shown, Source


def live_json(source: Source) -> dict[str, Any]:
    """The live figures, each with unit, time and what it is; null and a reason where one would be dead."""
    now, site = snapshot(source), source.context.site
    return {
        "site": site.id,
        "time": now.at.isoformat(),
        "mode": mode(source),
        "data_age_s": now.data_age_s,
        "power_ratio": _figure(now.ratio),
        "facility_power": _figure(now.facility),
        "it_power": _figure(now.it),
        "cooling_power": _figure(now.cooling),
        "worst_inlet": _figure(now.worst.inlet) | {"rack": now.worst.name} if now.worst else None,
        "inlet_limit": {"value": now.limit_c, "unit": "degC", "kind": "assumed"},
        "it_power_peak_24h": _figure(forecast.peak(source)),
        "pue": [
            {
                "hours": found.hours,
                "value": found.value if found.complete_ratio else None,
                "category": found.category,
                "complete_ratio": found.complete_ratio,
                "unit": "1",
                "kind": "measured",
            }
            for found in history.pue_of_periods(source)
        ],
    }


def _figure(shown: Shown) -> dict[str, Any]:
    found: dict[str, Any] = {
        "value": shown.value,
        "unit": shown.unit,
        "kind": str(shown.kind),
        "time": shown.time.isoformat() if shown.time else None,
    }
    if shown.low is not None:
        found |= {"q05": shown.low, "q95": shown.high}
    if shown.reason:
        found["reason"] = shown.reason
    return found

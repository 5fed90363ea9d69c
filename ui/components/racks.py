"""The floor of racks by one metric, in words and shades; and what a rack's GPUs say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dash import html

from ui import format as fmt
from ui.components.panel import empty, facts, provenance, region, table
from ui.data.racks import CAP_TOLERANCE, Gpu, reasons_in_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from core.limits import AirEnvelope
    from ui.components.panel import Child
    from ui.data.racks import Floor, Rack

SHADES: Final = 6
"""How many greys the style sheet has for what is inside the limits."""
GPU_COLD_C, GPU_HOT_C = 30.0, 90.0
"""Span of the shades for GPUs' temperatures [degC]; no limit: a GPU says by itself when it is too warm."""
HOT, CRITICAL = "hot", "critical"
MARKS: Final = {"": "", HOT: "▲ ", CRITICAL: "◆ "}
"""Shape beside the colour of a cell beyond its limit."""
TABLE_HEAD: Final = (
    "Rack", "Row", "Inlet", "Power", "Of its limit", "GPUs", "Warmest GPU", "Held back", "GPU power of caps",
)  # fmt: skip
COLLECT: Final = (
    "No GPU has told anything yet. On each machine with NVIDIA GPUs: `joulecast collect nvml`; in site.toml"
    " an [[assets]] entry with the GPU's id and its rack as parent says where it is."
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to look at the floor."""

    name: str
    """On the switch."""
    text: Callable[[Rack], str]
    """The value with its unit; a dash where there is none."""
    level: Callable[[Rack, Scale], float | None]
    """Where it lies in its span, 0 to 1."""
    look: Callable[[Rack, Scale], str]
    """What it is beyond, a key of `MARKS`."""
    ends: Callable[[Scale], tuple[str, str]]
    """What the palest and the darkest shade stand for."""
    beyond: str
    """What the marks mean."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What levels are measured by."""

    envelope: AirEnvelope
    power_w: float
    """Highest power of a rack [W]."""


def _inlet_level(rack: Rack, scale: Scale) -> float | None:
    low, high = scale.envelope.recommended_low_c, scale.envelope.recommended_high_c
    return None if rack.inlet.value is None else (rack.inlet.value - low) / (high - low)


def _inlet_look(rack: Rack, scale: Scale) -> str:
    if rack.inlet.value is None or rack.inlet.value <= scale.envelope.recommended_high_c:
        return ""
    return CRITICAL if rack.inlet.value > scale.envelope.allowable_high_c else HOT


def _limit_look(rack: Rack, _: Scale) -> str:
    return HOT if (rack.of_limit or 0.0) > 1.0 else ""


def _power_level(rack: Rack, scale: Scale) -> float | None:
    return None if rack.power.value is None else rack.power.value / max(scale.power_w, 1.0)


def _gpu_level(rack: Rack, _: Scale) -> float | None:
    return None if rack.hottest_c is None else (rack.hottest_c - GPU_COLD_C) / (GPU_HOT_C - GPU_COLD_C)


def _held_back_level(rack: Rack, _: Scale) -> float | None:
    return None if rack.throttled is None else rack.throttled / rack.telling


def _held_back(rack: Rack) -> str:
    if rack.throttled is None:
        return fmt.NOTHING
    return f"{rack.throttled} of {rack.telling}"


def _whole(rack: Rack) -> str:
    return fmt.temperature(rack.hottest_c)


METRICS: Final[dict[str, Metric]] = {
    "inlet": Metric(
        "Inlet",
        lambda rack: fmt.temperature(rack.inlet.value),
        _inlet_level,
        _inlet_look,
        lambda scale: (
            fmt.limit(scale.envelope.recommended_low_c),
            fmt.limit(scale.envelope.recommended_high_c),
        ),
        "▲ above recommended · ◆ above allowable",
    ),
    "power": Metric(
        "Power",
        lambda rack: fmt.quantity(rack.power.value, "W"),
        _power_level,
        _limit_look,
        lambda scale: ("0", fmt.quantity(scale.power_w, "W")),
        "▲ above what the rack may draw (power_limit_kw in site.toml)",
    ),
    "limit": Metric(
        "% of limit",
        lambda rack: fmt.percent(rack.of_limit),
        lambda rack, _: rack.of_limit,
        _limit_look,
        lambda _: ("0 %", "100 %"),
        "power over what the rack may draw (power_limit_kw in site.toml) · ▲ above it",
    ),
    "gpu": Metric(
        "GPU max.",
        _whole,
        _gpu_level,
        lambda rack, _: HOT if rack.abnormal else "",
        lambda _: (fmt.limit(GPU_COLD_C), fmt.limit(GPU_HOT_C)),
        "warmest GPU · ▲ a GPU in it slows down for heat, power brake or hardware",
    ),
    "throttle": Metric(
        "Held back",
        _held_back,
        _held_back_level,
        lambda rack, _: HOT if rack.abnormal else "",
        lambda _: ("none", "all"),
        "GPUs that a cap or a slowdown holds back, of those that tell · ▲ by heat, power brake or hardware",
    ),
    "cap": Metric(
        "Power vs cap",
        lambda rack: fmt.percent(rack.of_cap),
        lambda rack, _: rack.of_cap,
        lambda rack, _: HOT if (rack.of_cap or 0.0) > CAP_TOLERANCE else "",
        lambda _: ("0 %", "100 %"),
        f"power of the GPUs over their caps, both as NVML tells · ▲ above {fmt.percent(CAP_TOLERANCE)}",
    ),
}
"""By name in the address; the first one is the page's own."""
FIRST: Final = next(iter(METRICS))


def floor_data(found: Floor, name: str, picked: str, envelope: AirEnvelope) -> dict[str, Any]:
    """The floor for the browser: rows of cells, and the same racks as a table."""
    metric = METRICS[name]
    powers = [rack.power.value for rack in found.racks if rack.power.value is not None]
    scale = Scale(envelope, max(powers, default=0.0))
    rows: dict[str, list[list[Any]]] = {}
    for rack in found.racks:
        rows.setdefault(rack.row, []).append(_cell(rack, metric, scale, picked))
    low, high = metric.ends(scale)
    return {
        "metric": metric.name,
        "low": low,
        "high": high,
        "beyond": metric.beyond,
        "rows": [[f"Row {row}" if row else "", cells] for row, cells in rows.items()],
        "table": [_table_row(rack, scale) for rack in found.racks],
    }


def _cell(rack: Rack, metric: Metric, scale: Scale, picked: str) -> list[Any]:
    """Asset, label, text, shade, look, place in the row, picked, and why there is no value."""
    level, look, text = metric.level(rack, scale), metric.look(rack, scale), metric.text(rack)
    shade = -1 if level is None else min(int(min(max(level, 0.0), 1.0) * SHADES), SHADES - 1)
    why = rack.inlet.reason if metric.name == "Inlet" else rack.power.reason if metric.name == "Power" else ""
    shown = f"{MARKS[look]}{text}"
    return [rack.asset, rack.label, shown, shade, look, rack.position or 0, rack.asset == picked, why]


def _table_row(rack: Rack, scale: Scale) -> list[str]:
    def marked(metric: Metric) -> str:
        return f"{MARKS[metric.look(rack, scale)]}{metric.text(rack)}"

    place = f"{rack.row} {rack.position or ''}".strip() if rack.row else ""
    inlet, power, limit, hottest, held, cap = (marked(metric) for metric in METRICS.values())
    return [rack.label, place, inlet, power, limit, str(len(rack.gpus)), hottest, held, cap]


def gpu_table(gpus: tuple[Gpu, ...]) -> Child:
    """The GPUs of one rack."""
    if not gpus:
        return empty("No GPU is in this rack, as far as site.toml says.")
    rows = [
        (
            gpu.asset,
            _or_machine(gpu),
            _watts(gpu.limit_w),
            fmt.temperature(gpu.temperature_c),
            fmt.quantity(gpu.clock_hz, "Hz", 4),
            fmt.percent(gpu.utilisation),
            _held_by(gpu),
        )
        for gpu in gpus
    ]
    head = ("GPU", "Power", "Cap", "Temp.", "Clock", "Use", "Held back by")
    found = table(head, rows, numeric=(1, 2, 3, 4, 5))
    return html.Div(region(found, "GPUs of the rack"), className="tall-table")


def _or_machine(gpu: Gpu) -> Child:
    if gpu.power_w is not None or gpu.machine_power_w is None:
        return _watts(gpu.power_w)
    return html.Span(_watts(gpu.machine_power_w), title="of the whole machine")


def _watts(power_w: float | None) -> str:
    """A GPU's power: kilowatts are for racks."""
    return fmt.NOTHING if power_w is None else f"{fmt.fixed(power_w, 0)} W"


def _held_by(gpu: Gpu) -> Child:
    if not gpu.fresh:
        return html.Span("silent", title="no fresh reading")
    words = reasons_in_words(gpu.reasons)
    if gpu.abnormal:
        return html.Span(f"▲ {words}", className="alarm p2")
    return words or html.Span(fmt.NOTHING, title="it does not tell")


def rack_facts(rack: Rack, scale_limit_c: float, zone: ZoneInfo, now: datetime) -> Child:
    """What is true of one rack."""
    margin = None if rack.inlet.value is None else scale_limit_c - rack.inlet.value
    said = provenance(rack.inlet, zone, now)
    inlet = fmt.temperature(rack.inlet.value)
    if margin is not None:
        side = "below" if margin >= 0 else "above"
        said += f" · {fmt.kelvins(abs(margin))} {side} {fmt.limit(scale_limit_c)}"
    power = fmt.quantity(rack.power.value, "W")
    limit = f" · {fmt.percent(rack.of_limit)} of {fmt.quantity(rack.limit_w, 'W')}" if rack.of_limit else ""
    alive = sum(gpu.alive for gpu in rack.gpus)
    pairs: list[tuple[str, Child]] = [
        ("Inlet", [html.B(("▲ " if margin is not None and margin < 0 else "") + inlet), f" {said}"]),
        ("Power", [html.B(power), f" {provenance(rack.power, zone, now)}"
                   + (f" · {rack.power_from}" if rack.power.alive else "") + limit]),
    ]  # fmt: skip
    if rack.gpus:
        pairs.append(
            ("GPUs", f"{alive} of {len(rack.gpus)} tell · warmest {fmt.temperature(rack.hottest_c)}")
        )
    return facts(pairs)

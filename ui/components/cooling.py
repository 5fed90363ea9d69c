"""Tables of the page Cooling: machines, and who holds which setpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dash import dcc, html

from ui import format as fmt
from ui import view
from ui.charts.plan import STATES
from ui.components.panel import empty, labelled, region, table
from ui.data.cooling import Sort
from ui.data.shown import Kind, Shown
from ui.data.twin_now import Modelled

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ui.components.panel import Child
    from ui.data.cooling import Cooling, Held, Machine

HEAD: Final = (
    ("Machine", ""), ("State", ""), ("Load", "num"), ("Power", "num"), ("Heat", "num"), ("COP", "num"),
    ("COP, twin", "num"), ("ΔT", "num"), ("Setpoint: plant's own", "num"), ("ours", "num"),
    ("in force", "num"), ("Held by", ""),
)  # fmt: skip
TWIN_KW: Final = {
    Sort.CHILLER: "chiller_kw",
    Sort.TOWER: "tower_fan_kw",
    Sort.PUMP: "pump_kw",
    Sort.CRAH: "crah_fan_kw",
    Sort.EVAPORATIVE: "evaporative_kw",
    Sort.CDU: "liquid_pump_kw",
}
"""What the twin says of all machines of a sort together."""
OWN: Final = "the plant's own control"


def cell(shown: Shown, text: str) -> Child:
    """A value, or a dash whose reason is under the pointer and is told to those who listen."""
    if shown.alive:
        return text
    if not shown.reason:
        return ""
    return labelled(html.Span(fmt.NOTHING, title=shown.reason, role="img"), label=f"none: {shown.reason}")


def machine_table(cooling: Cooling, twin: Modelled | str) -> Child:
    """One row a machine, by what they are; what all of a sort draw stands over them, beside the twin's."""
    if not cooling.machines:
        return empty("The site names no machine of the cooling: [meters] and [[assets]] in site.toml do.")
    head = html.Tr([html.Th(text, className=look, scope="col") for text, look in HEAD])
    bodies: list[Child] = []
    for sort in Sort:
        machines = cooling.of(sort)
        if machines:
            title = html.Tr(html.Th(_sum(sort, machines, twin), colSpan=len(HEAD), scope="rowgroup"))
            bodies.append(html.Tbody([title, *(_row(cooling, machine, twin) for machine in machines)]))
    content = html.Table([html.Thead(head), *bodies], className="data machines")
    return region(html.Div(content, className="scroll"), "Machines")


def _sum(sort: Sort, machines: tuple[Machine, ...], twin: Modelled | str) -> str:
    powers = [machine.power.value for machine in machines]
    known = [power for power in powers if power is not None]
    running = sum(machine.running is True for machine in machines)
    parts = [f"{fmt.sentence(sort)}: {running} of {len(machines)} running"]
    if known and len(known) == len(powers):
        parts.append(f"{fmt.quantity(sum(known), 'W')} measured")
    elif known:
        parts.append(f"{fmt.quantity(sum(known), 'W')} measured of {len(known)} of them")
    if isinstance(twin, Modelled) and sort in TWIN_KW:
        parts.append(f"{fmt.number(getattr(twin, TWIN_KW[sort]))} kW modelled")
    return " · ".join(parts)


def _row(cooling: Cooling, machine: Machine, twin: Modelled | str) -> html.Tr:
    mark, word = STATES[machine.running]
    held = cooling.held(machine.setpoint)
    state = html.Span(f"{mark} {word}", title=f"from {machine.running_by}" if machine.running is not None
                      else machine.running_by)  # fmt: skip
    load = (
        html.Span(fmt.percent(machine.load.value), title=machine.load_of)
        if machine.load.alive
        else cell(machine.load, "")
    )
    cells = [
        (machine.label, ""),
        (state, ""),
        (load, "num"),
        (cell(machine.power, fmt.quantity(machine.power.value, "W")), "num"),
        (cell(_heat(machine), fmt.quantity(machine.heat.value, "W")), "num"),
        (cell(machine.cop, fmt.number(machine.cop.value)), "num"),
        (_twin_cop(machine, twin), "num"),
        (cell(machine.difference, fmt.kelvins(machine.difference.value)), "num"),
        *_setpoint_cells(held),
    ]
    dead = machine.running is None and not machine.power.alive
    return html.Tr([html.Td(part, className=look) for part, look in cells], className="dead" if dead else "")


def _heat(machine: Machine) -> Shown:
    """What a machine takes, where that is its work; pumps and fans carry no meter of it."""
    if machine.heat.alive or machine.sort in (Sort.CHILLER, Sort.ECONOMIZER):
        return machine.heat
    return Shown(None, "W", Kind.MEASURED)


def _twin_cop(machine: Machine, twin: Modelled | str) -> Child:
    if machine.sort is not Sort.CHILLER:
        return ""
    if isinstance(twin, str):
        return cell(Shown(None, "1", Kind.MODELLED, reason=twin), "")
    if twin.chiller_cop is None:
        return cell(Shown(None, "1", Kind.MODELLED, reason="in the twin no chiller runs now"), "")
    return fmt.number(twin.chiller_cop)


def _setpoint_cells(held: Held | None) -> list[tuple[Child, str]]:
    if held is None:
        return [("", ""), ("", ""), ("", ""), ("", "")]
    return [
        (cell(held.local, fmt.degrees(held.local.value)), "num"),
        (cell(held.ours, fmt.degrees(held.ours.value)), "num"),
        (cell(held.effective, fmt.temperature(held.effective.value)), "num"),
        (holder(held), ""),
    ]


def holder(held: Held) -> Child:
    """Who decides on a setpoint."""
    if held.recommendation_id is None:
        return OWN
    who = f" ({' and '.join(held.names)})" if held.names else ""
    hand = ", set by hand" if held.by_hand else ""
    number, seen = held.recommendation_id, view.current()
    search = view.search_of(view.shell_part(seen), card=str(number)) if seen else f"?card={number}"
    return [dcc.Link(f"advice {number}", href=f"/recommendations{search}"), f"{who}{hand}"]


def setpoint_table(cooling: Cooling, zone: ZoneInfo, now: datetime) -> Child:
    """Every setpoint: what the plant's own control asks for, what advice asks for, what is in force."""
    if not cooling.setpoints:
        return empty("The site names no setpoints: [setpoints] in site.toml does.")
    rows = [
        (
            fmt.sentence(fmt.words(held.setpoint)),
            cell(held.local, fmt.temperature(held.local.value)),
            cell(held.ours, fmt.temperature(held.ours.value)),
            _in_force(held),
            cell(held.measured, fmt.temperature(held.measured.value)),
            _deviation(held),
            fmt.limits(held.low_c, held.high_c),
            holder(held),
            _until(held, zone, now),
        )
        for held in cooling.setpoints
    ]
    head = (
        "Setpoint", "Plant's own", "Ours", "In force", "Supplied", "Off by", "Allowed", "Held by", "Until",
    )  # fmt: skip
    return region(table(head, rows, numeric=(1, 2, 3, 4, 5, 6)), "Setpoints")


def _in_force(held: Held) -> Child:
    text = cell(held.effective, fmt.temperature(held.effective.value))
    if not held.ignored:
        return text
    return html.Span(
        f"▲ {text}", className="alarm p2", title="the plant reports another value than we ask for"
    )


def _deviation(held: Held) -> Child:
    above = held.deviation_k
    if above is None:
        return ""
    text = f"{fmt.signed(fmt.display_value(above, 'K'), 1)} {fmt.display_unit('K')}"
    return html.Span(f"■ {text}", className="alarm p3") if held.off else text


def _until(held: Held, zone: ZoneInfo, now: datetime) -> str:
    if held.recommendation_id is None:
        return ""
    parts = []
    if held.until is not None:
        parts.append(fmt.clock_time(held.until, zone, now))
    if held.lease_until is not None and held.renewed_at is not None:
        gone = held.lease_until < now
        parts.append(
            "the lease has run out" if gone
            else f"lease to {fmt.clock_time(held.lease_until, zone, now)},"
            f" renewed {fmt.age((now - held.renewed_at).total_seconds())} ago"
        )  # fmt: skip
    return " · ".join(parts)

"""The plant's schematic as a list of shapes; the browser draws them as SVG (assets/cooling.js).

It is made of what the site has: columns for heat rejection, chillers and economizers, halls with their air
handlers, and water between those that are there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from core.actions import Setpoint
from ui import format as fmt
from ui.data.cooling import Sort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.limits import AirEnvelope
    from ui.data import Shown
    from ui.data.cooling import Cooling, Hall, Held, Machine

Shape = dict[str, Any]
"""``tag``, its attributes, ``class``, and ``text`` where it has some."""

BOX_W: Final = 196
BOX_H: Final = 62
GAP: Final = 10
LOOP_W: Final = 244
"""Width of the water between two columns [px]."""
PAD: Final = 10
LINE_H: Final = 17
SHOWN_MAX: Final = 6
"""Boxes of one kind in a column; the rest is told in one."""
PUMPS_MAX: Final = 3
"""Boxes of pumps beside the pipes."""
PUMP_UP: Final = 8 - BOX_H / 2
"""Top of the first pump below the return [px]."""
PIPE: Final = 46
"""Half the distance between supply and return [px]."""
TOP: Final = 30
LABEL_MAX: Final = 22
"""Characters of a name that fit into a box."""
STATES: Final = {True: ("●", "running"), False: ("○", "stopped"), None: ("–", "state unknown")}
"""Mark and word of a machine's state."""


@dataclass(slots=True)
class _Column:
    title: str
    groups: list[_Group] = field(default_factory=list)
    x: float = 0.0

    @property
    def width(self) -> float:
        return BOX_W + (2 * PAD if any(group.framed for group in self.groups) else 0)

    @property
    def height(self) -> float:
        return sum(group.height for group in self.groups) + GAP * (len(self.groups) - 1)


@dataclass(slots=True)
class _Group:
    """Boxes and lines that belong together, framed where they have a name."""

    boxes: list[_Box]
    name: str = ""
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Text and class."""

    @property
    def framed(self) -> bool:
        return bool(self.name)

    @property
    def height(self) -> float:
        boxes = len(self.boxes) * (BOX_H + GAP) - (GAP if self.boxes else 0)
        inside = boxes + len(self.lines) * LINE_H + (6 if self.boxes and self.lines else 0)
        return inside + (2 * PAD + LINE_H if self.framed else 0)


@dataclass(slots=True)
class _Box:
    label: str
    mark: str
    state: str
    value: str
    look: str = ""
    full: str = ""


@dataclass(slots=True)
class _Loop:
    name: str
    supply: list[tuple[str, str]]
    back: list[tuple[str, str]]
    middle: list[str]
    pumps: list[Machine]

    @property
    def depth(self) -> float:
        """How far it reaches below the middle [px]."""
        count = min(len(self.pumps), PUMPS_MAX)
        return PIPE + PUMP_UP + count * (BOX_H + 6) + 12 + len(self.back) * LINE_H


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole drawing."""

    width: int
    height: int
    said: str
    """What it shows, for those who listen; the table beside it has every number."""
    shapes: list[Shape]

    def data(self) -> dict[str, Any]:
        """For the browser."""
        return {"width": self.width, "height": self.height, "said": self.said, "shapes": self.shapes}


def plan(cooling: Cooling, envelope: AirEnvelope) -> Plan:
    """Draw the plant as it is now.

    Args:
        cooling: machines, water and air.
        envelope: beyond which an inlet is abnormal.
    """
    columns = [c for c in (_rejection(cooling), _machines(cooling), _halls(cooling, envelope)) if c.groups]
    loops = [_loop(cooling, left, right) for left, right in pairwise(columns)]
    tall = max([c.height for c in columns] + [2 * loop.depth for loop in loops] + [4 * PIPE])
    height = tall + TOP + 2 * PAD
    middle = TOP + PAD + tall / 2
    shapes: list[Shape] = []
    x: float = PAD
    for i, column in enumerate(columns):
        column.x = x
        x += column.width
        if i < len(loops):
            shapes += _drawn_loop(loops[i], x, x + LOOP_W, middle, (column, columns[i + 1]))
            x += LOOP_W
    for column in columns:
        shapes += _drawn_column(column, middle)
    running = sum(machine.running is True for machine in cooling.machines)
    said = f"Schematic of the cooling: {running} of {fmt.count(len(cooling.machines), 'machine')} running."
    return Plan(round(x + PAD), round(height), said, shapes)


def _rejection(cooling: Cooling) -> _Column:
    column = _Column("Outdoors")
    weather = [
        (f"dry bulb {_c(cooling.dry_bulb)}", _dead(cooling.dry_bulb)),
        (f"wet bulb {_c(cooling.wet_bulb)}", _dead(cooling.wet_bulb)),
    ]
    column.groups.append(_Group(_boxes(cooling.of(Sort.TOWER)), lines=weather))
    return column


def _machines(cooling: Cooling) -> _Column:
    column = _Column("Chillers and economizers")
    boxes = _boxes(cooling.of(Sort.ECONOMIZER)) + _boxes(cooling.of(Sort.CHILLER))
    if boxes:
        column.groups.append(_Group(boxes))
    return column


def _halls(cooling: Cooling, envelope: AirEnvelope) -> _Column:
    column = _Column("Halls")
    inside = [m for m in cooling.machines if m.sort in (Sort.CRAH, Sort.EVAPORATIVE, Sort.CDU)]
    known = {hall.asset for hall in cooling.halls}
    for hall in cooling.halls:
        alone = len(cooling.halls) == 1
        here = [m for m in inside if m.hall == hall.asset or alone]
        group = _Group(_boxes(here), hall.label, _hall_lines(cooling, hall, envelope, alone=alone))
        column.groups.append(group)
    rest = [m for m in inside if m.hall not in known]
    if rest and len(cooling.halls) > 1:
        column.groups.append(_Group(_boxes(rest), "In no hall"))
    return column


def _hall_lines(cooling: Cooling, hall: Hall, envelope: AirEnvelope, *, alone: bool) -> list[tuple[str, str]]:
    lines = [
        (
            f"supply {_c(hall.supply)}{_set(cooling.held(Setpoint.SUPPLY_AIR_TEMPERATURE))}",
            _dead(hall.supply),
        ),
        (f"return {_c(hall.back)}", _dead(hall.back)),
    ]
    look = _dead(hall.worst)
    mark = ""
    if hall.worst.value is not None and hall.worst.value > envelope.allowable_high_c:
        mark, look = "◆ ", "p1"
    elif hall.worst.value is not None and hall.worst.value > envelope.recommended_high_c:
        mark, look = "▲ ", "p2"
    name = f", {_cut(hall.worst_name, 14)}" if hall.worst_name else ""
    lines.append((f"{mark}inlet to {_c(hall.worst)}{name}", look))
    if alone:
        lines.append((f"IT {fmt.quantity(cooling.it.value, 'W')}", _dead(cooling.it)))
    return lines


def _boxes(machines: Sequence[Machine]) -> list[_Box]:
    boxes = [_box(machine) for machine in machines[: SHOWN_MAX if len(machines) > SHOWN_MAX + 1 else None]]
    rest = machines[len(boxes) :]
    return [*boxes, _together(rest)] if rest else boxes


def _box(machine: Machine) -> _Box:
    mark, word = STATES[machine.running]
    load = (
        f" · {fmt.percent(machine.load.value)}" if machine.load.value is not None and machine.running else ""
    )
    metered = machine.power.alive or not machine.heat.alive
    values = [fmt.quantity(machine.power.value, "W")] if metered else []
    if machine.heat.value is not None:
        values.append(f"{fmt.quantity(machine.heat.value, 'W')} heat")
    if machine.supply.value is not None:
        values.append(fmt.temperature(machine.supply.value))
    look = "running" if machine.running else "stopped" if machine.running is False else "unknown"
    why = f"{machine.label}: {word} by {machine.running_by}" if machine.running is not None else (
        f"{machine.label}: {machine.running_by}"
    )  # fmt: skip
    return _Box(machine.label, mark, f"{word}{load}", " · ".join(values[:2]), look, why)


def _loop(cooling: Cooling, left: _Column, right: _Column) -> _Loop:
    """The water between two columns; where there is neither chiller nor exchanger, all of it."""
    pumps = list(cooling.of(Sort.PUMP))
    at_roof, at_halls = left.title == "Outdoors", right.title == "Halls"
    if at_roof and not at_halls:
        return _condenser_loop(cooling, [p for p in pumps if p.condenser])
    return _chilled_loop(cooling, pumps if at_roof else [p for p in pumps if not p.condenser])


def _condenser_loop(cooling: Cooling, pumps: list[Machine]) -> _Loop:
    held = cooling.held(Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE)
    supply, back = cooling.condenser_supply, cooling.condenser_return
    flow = _flow(pumps)
    lines = [(f"supply {_c(supply)}{_set(held)}", _dead(supply))]
    returned = [(f"return {_c(back)}", _dead(back))] if back.alive or not pumps else []
    if not supply.alive and not pumps and held is None:
        return _Loop("", [], [], [], [])  # chillers that are cooled by air
    return _Loop("condenser water", lines, returned, flow, pumps)


def _chilled_loop(cooling: Cooling, pumps: list[Machine]) -> _Loop:
    held = cooling.held(Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE)
    supply, back = cooling.chilled_supply, cooling.chilled_return
    look = "p3" if held and held.off else _dead(supply)
    mark = "■ " if held and held.off else ""
    middle = _flow(pumps)
    if cooling.heat.alive:
        middle.append(f"{fmt.quantity(cooling.heat.value, 'W')} heat")
    if supply.value is not None and back.value is not None:
        middle.append(f"ΔT {fmt.kelvins(back.value - supply.value)}")
    return _Loop(
        "chilled water",
        [(f"{mark}supply {_c(supply)}{_set(held)}", look)],
        [(f"return {_c(back)}", _dead(back))],
        middle,
        pumps,
    )


def _flow(pumps: Sequence[Machine]) -> list[str]:
    flows = [p.flow.value for p in pumps if p.flow.value is not None]
    return [fmt.quantity(sum(flows), "m3/s")] if flows else []


def _c(shown: Shown) -> str:
    return fmt.temperature(shown.value)


def _set(held: Held | None) -> str:
    """The setpoint beside a supply."""
    if held is None or held.effective.value is None:
        return ""
    return f" (set {fmt.degrees(held.effective.value)})"


def _dead(shown: Shown) -> str:
    return "" if shown.alive else "dead"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(x: float, y: float, text: str, look: str = "", anchor: str = "start") -> list[Shape]:
    """A text; one that is abnormal stands on a ground of the alarm's colour."""
    shapes: list[Shape] = []
    if look in {"p1", "p2", "p3"}:
        wide = 7.2 * len(text) + 10
        left = x - 5 if anchor == "start" else x - wide / 2
        ground = {"x": left, "y": y - 13, "width": wide, "height": LINE_H, "rx": 3}
        shapes.append({"tag": "rect", **ground, "class": f"ground {look}"})
    shapes.append({"tag": "text", "x": x, "y": y, "text": text, "class": look, "text-anchor": anchor})
    return shapes


def _drawn_column(column: _Column, middle: float) -> list[Shape]:
    y = middle - column.height / 2
    title: Shape = {"tag": "text", "x": column.x, "y": 18, "text": column.title, "class": "title"}
    shapes = [title]
    framed = column.width > BOX_W
    for group in column.groups:
        x, inner = column.x + (PAD if framed else 0), y
        if group.framed:
            frame = {"x": column.x, "y": y, "width": column.width, "height": group.height, "rx": 4}
            shapes.append({"tag": "rect", **frame, "class": "frame"})
            shapes += _text(x, y + 18, _cut(group.name, LABEL_MAX), "name")
            inner += PAD + LINE_H
        for box in group.boxes:
            shapes += _drawn_box(box, x, inner)
            inner += BOX_H + GAP
        inner += -GAP + 6 if group.boxes and group.lines else 0
        for text, look in group.lines:
            inner += LINE_H
            shapes += _text(x, inner - 3, text, look)
        y += group.height + GAP
    return shapes


def _drawn_box(box: _Box, x: float, y: float) -> list[Shape]:
    frame = {"x": x, "y": y, "width": BOX_W, "height": BOX_H, "rx": 4, "title": box.full or box.label}
    return [
        {"tag": "rect", **frame, "class": f"box {box.look}"},
        {"tag": "text", "x": x + 8, "y": y + 18, "text": _cut(box.label, LABEL_MAX), "class": "name"},
        {"tag": "text", "x": x + 8, "y": y + 36, "text": f"{box.mark} {box.state}", "class": ""},
        {"tag": "text", "x": x + 8, "y": y + 53, "text": box.value, "class": "value"},
    ]


def _drawn_loop(
    loop: _Loop, left: float, right: float, middle: float, ends: tuple[_Column, _Column]
) -> list[Shape]:
    """Two pipes between two columns: supply to the right, return to the left, pumps in the return."""
    if not loop.name:
        return []
    shapes: list[Shape] = []
    for x, column, side in ((left + 14, ends[0], -1), (right - 14, ends[1], 1)):
        centres = _centres(column, middle)
        top, bottom = min([middle - PIPE, *centres]), max([middle + PIPE, *centres])
        shapes.append({"tag": "line", "x1": x, "x2": x, "y1": top, "y2": bottom, "class": "pipe"})
        edge = left if side < 0 else right
        shapes += [{"tag": "line", "x1": edge, "x2": x, "y1": y, "y2": y, "class": "pipe"} for y in centres]
    for y, to in ((middle - PIPE, 1), (middle + PIPE, -1)):
        shapes.append({"tag": "line", "x1": left + 14, "x2": right - 14, "y1": y, "y2": y, "class": "pipe"})
        tip = right - 17 if to > 0 else left + 17
        arrow = f"{tip},{y} {tip - 9 * to},{y - 5} {tip - 9 * to},{y + 5}"
        shapes.append({"tag": "polygon", "points": arrow, "class": "arrow"})
    centre = (left + right) / 2
    shapes += _text(centre, 18, loop.name, "title", "middle")
    for i, (text, look) in enumerate(reversed(loop.supply)):
        shapes += _text(centre, middle - PIPE - 9 - i * LINE_H, text, look, "middle")
    for i, text in enumerate(loop.middle):
        shapes += _text(centre, middle - PIPE + 20 + i * LINE_H, text, "", "middle")
    y = middle + PIPE + PUMP_UP
    for box in _pump_boxes(loop.pumps):
        shapes += _drawn_box(box, centre - BOX_W / 2, y)
        y += BOX_H + 6
    y = max(y, middle + PIPE) + 12
    for i, (text, look) in enumerate(loop.back):
        shapes += _text(centre, y + i * LINE_H, text, look, "middle")
    return shapes


def _pump_boxes(pumps: Sequence[Machine]) -> list[_Box]:
    if len(pumps) <= PUMPS_MAX:
        return _boxes(pumps)
    return [*_boxes(pumps[: PUMPS_MAX - 1]), _together(pumps[PUMPS_MAX - 1 :])]


def _together(machines: Sequence[Machine]) -> _Box:
    running = sum(machine.running is True for machine in machines)
    known = [machine.power.value for machine in machines if machine.power.value is not None]
    power = fmt.quantity(sum(known), "W") if known else fmt.NOTHING
    return _Box(f"and {len(machines)} more", STATES[running > 0][0], f"{running} running", power)


def _centres(column: _Column, middle: float) -> list[float]:
    """Middles of the boxes of a column."""
    y, found = middle - column.height / 2, []
    for group in column.groups:
        inner = y + (PAD + LINE_H if group.framed else 0)
        for _ in group.boxes:
            found.append(inner + BOX_H / 2)
            inner += BOX_H + GAP
        y += group.height + GAP
    return found

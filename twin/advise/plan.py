"""The plan of a day: in blocks of 1 to 4 h, the cheapest mode and setpoints that hold every limit.

A block's steady cost depends on nothing but its own setpoints, so block follows block, each within reach of
the one before. In each block every mode (chillers that run, economizer in use or not) meets a zoom grid of
setpoints. Shown with it is the limit that holds the plant back, and what 1 K of it would be worth.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from core.tariff import Objective
from core.units import SECONDS_PER_HOUR
from twin.advise import limits
from twin.advise.objective import RATES, Rates, amounts
from twin.advise.outlook import MEDIAN
from twin.advise.record import SETTLE, WINDOW
from twin.advise.reset import RESOLUTION_K
from twin.advise.safety import TOLERANCE_K
from twin.advise.search import EXPECTED, LOADS, WORST, Situation, around, axis, expected, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.actions import Setpoint
    from core.series import Floats
    from core.site import Site
    from twin.advise.outlook import Outlook
    from twin.network import Parameters, PlantState

BLOCKS_H: Final = (1, 1, 2, 4, 4, 4, 4, 4)
"""Lengths of the blocks [h]: finer where the forecast is good and where advice acts next."""
POINTS: Final = 5
"""Grid points per setpoint and level."""
LEVELS: Final = 3
"""How often the grid zooms in."""
RELAXED_K: Final = 1.0
"""What a limit is relaxed by to see what it costs [K]."""


@dataclass(frozen=True, slots=True)
class Block:
    """What is best for some hours."""

    start: datetime | None
    """When it begins, UTC."""
    hours: float
    """How long it lasts [h]."""
    setpoints: Mapping[Setpoint, float]
    """[degC]."""
    chillers: int
    """Most chillers that run in it."""
    economizer: bool
    """Whether the waterside economizer is in use."""
    facility_kw: float
    """Expected power [kW]."""
    saving_kw: float
    """Less than with the setpoints of now [kW]."""
    cost: float
    """Objective, as a rate [its unit]."""
    saving: float
    """Less than with the setpoints of now [its unit]."""
    held_by: str
    """The limit that holds it back; empty where none does."""
    relaxed_kw: float
    """What that limit, 1 K further out, would save beside [kW]."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A day in blocks."""

    objective: Objective
    """What is made small."""
    unit: str
    """Its unit, as a rate."""
    blocks: tuple[Block, ...]
    """One after another."""

    @property
    def hours(self) -> float:
        """How far it reaches [h]."""
        return sum(block.hours for block in self.blocks)

    @property
    def saving_kwh(self) -> float:
        """Saved in all, if the plant followed [kWh]."""
        return sum(block.saving_kw * block.hours for block in self.blocks)

    @property
    def saving(self) -> float:
        """The same in the objective's unit, its `/h` or kW times hours."""
        return sum(block.saving * block.hours for block in self.blocks)

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a recommendation."""
        return {
            "objective": self.objective.value,
            "unit": self.unit,
            "hours": self.hours,
            "saving_kwh": self.saving_kwh,
            "saving": self.saving,
            "blocks": [_block_json(block) for block in self.blocks],
        }


def _block_json(block: Block) -> dict[str, Any]:
    return {
        "start": block.start.isoformat() if block.start else None,
        "hours": block.hours,
        "setpoints": {setpoint.value: value for setpoint, value in block.setpoints.items()},
        "chillers": block.chillers,
        "economizer": block.economizer,
        "facility_kw": block.facility_kw,
        "saving_kw": block.saving_kw,
        "cost": block.cost,
        "saving": block.saving,
        "held_by": block.held_by,
        "relaxed_kw": block.relaxed_kw,
    }


class _Mode(NamedTuple):
    """Who cools."""

    chillers: int
    economizing: bool


class _Sight(NamedTuple):
    """What sets of setpoints do in a block; (k,) each."""

    cost: Floats
    facility_kw: Floats
    slack: dict[str, Floats]
    usual: PlantState

    @property
    def ok(self) -> Any:
        """Which hold every limit."""
        return np.all([slack >= 0 for slack in self.slack.values()], axis=0)


class _Best(NamedTuple):
    """The cheapest found."""

    cost: float
    setpoints: dict[Setpoint, float]
    mode: _Mode | None


@dataclass(frozen=True, slots=True)
class _Planner:
    """A block's problem."""

    parameters: Parameters
    situation: Situation
    site: Site
    ahead: Outlook
    rates: Rates

    def modes(self) -> list[_Mode]:
        """Every mode that the plant has."""
        economizer = (True, False) if self.parameters.economizer.present else (False,)
        chillers = range(1, self.parameters.chiller.count + 1)
        return [_Mode(n, used) for n, used in itertools.product(chillers, economizer)]

    def lost(self, grid: Mapping[Setpoint, Floats]) -> PlantState:
        """The worst with units lost, whatever ran before; (k, n)."""
        return run(self.parameters, self.ahead, grid, WORST, lost=self.site).part((slice(None), 0))

    def look(
        self,
        grid: Mapping[Setpoint, Floats],
        mode: _Mode | None,
        now: limits.Figures,
        lost: PlantState | None = None,
    ) -> _Sight:
        """Cost and slack of k sets of setpoints in a mode; none: the plant's own choice."""
        modes: dict[str, Any] = {}
        if mode is not None:
            modes = {"staged": float(mode.chillers), "economizing": float(mode.economizing)}
        state = run(self.parameters, self.ahead, grid, LOADS + WORST, **modes)
        usual = state.part((slice(None), MEDIAN))
        worst = state.part((slice(None), len(LOADS)))
        seen = limits.Seen(usual, worst, self.lost(grid) if lost is None else lost)
        found = limits.figures(self.parameters, self.ahead, seen)
        slack = limits.slacks(self.parameters, self.site, self.situation, found, now)
        cost = amounts(self.rates, state)[:, : len(LOADS)]
        return _Sight(expected(cost), usual.facility_kw.mean(axis=-1), slack, usual)

    def still(self, setpoints: Mapping[Setpoint, float]) -> tuple[_Sight, limits.Figures]:
        """Setpoints held as they are, the plant in the mode of its choice."""
        grid = self.grid(setpoints, np.array([list(setpoints.values())]))
        both = run(self.parameters, self.ahead, grid, EXPECTED + WORST)
        usual, worst = (both.part((slice(None), i)) for i in range(2))
        figures = limits.figures(self.parameters, self.ahead, limits.Seen(usual, worst, self.lost(grid)))
        return self.look(grid, None, figures), figures

    def best(self, spans: dict[Setpoint, tuple[float, float]], now: limits.Figures) -> _Best | None:
        """The cheapest mode and setpoints within spans."""
        best: _Best | None = None
        for _ in range(LEVELS):
            values = {s: axis(low, high, POINTS) for s, (low, high) in spans.items()}
            mesh = np.array(list(itertools.product(*values.values())))
            grid = self.grid(spans, mesh)
            lost = self.lost(grid)
            for mode in self.modes():
                seen = self.look(grid, mode, now, lost)
                cost = np.where(seen.ok, seen.cost, np.inf)
                index = int(np.argmin(cost))
                if cost[index] < (np.inf if best is None else best.cost):
                    setting = dict(zip(spans, mesh[index].tolist(), strict=True))
                    best = _Best(float(cost[index]), setting, mode)
            if best is None:
                return None
            spans = {s: around(best.setpoints[s], spans[s], POINTS) for s in spans}
        return best

    def grid(self, axes: Mapping[Setpoint, Any], mesh: Floats) -> dict[Setpoint, Floats]:
        """Sets of setpoints, a row of the mesh each; those that are no axis stay as they are."""
        grid = {s: np.full(len(mesh), value) for s, value in self.situation.in_force.items()}
        return {**grid, **{s: mesh[:, i] for i, s in enumerate(axes)}}

    def held_by(
        self, best: _Best, before: Mapping[Setpoint, float], now: limits.Figures
    ) -> tuple[str, float]:
        """The limit that, 1 K further out, would save the most, and how much [kW]."""
        axes = list(best.setpoints)
        steps = np.array(list(itertools.product((0.0, -RELAXED_K, RELAXED_K), repeat=len(axes))))
        mesh = np.array([best.setpoints[s] for s in axes]) + steps
        seen = self.look(self.grid(best.setpoints, mesh), None, now)
        gain = seen.facility_kw[0] - seen.facility_kw
        found: dict[str, float] = {}
        for row, values in enumerate(mesh):
            broken = {name for name, slack in seen.slack.items() if slack[row] < 0}
            broken |= self._beyond(dict(zip(axes, values.tolist(), strict=True)), before)
            by_a_kelvin = all(seen.slack[name][row] >= -RELAXED_K for name in broken & limits.KELVIN)
            if len(broken) == 1 and by_a_kelvin:
                name = broken.pop()
                found[name] = max(found.get(name, 0.0), float(gain[row]))
        name = max(found, key=lambda key: found[key], default="")
        return (name, found[name]) if name and found[name] > 0 else ("", 0.0)

    def _beyond(self, values: Mapping[Setpoint, float], before: Mapping[Setpoint, float]) -> set[str]:
        """What keeps setpoints from going there, apart from physics."""
        found = set()
        for setpoint, value in values.items():
            bounds, (low, high) = self.site.setpoints[setpoint], self.situation.span(self.site, setpoint)
            if not bounds.low_c - TOLERANCE_K <= value <= bounds.high_c + TOLERANCE_K:
                found.add(f"range:{setpoint.value}")
            elif not low - TOLERANCE_K <= value <= high + TOLERANCE_K:
                found.add(f"envelope:{setpoint.value}")
            elif abs(value - before[setpoint]) > reach_k(self.site, setpoint, self.ahead.hours) + TOLERANCE_K:
                found.add(f"motion:{setpoint.value}")
        return found


def reach_k(site: Site, setpoint: Setpoint, hours: float) -> float:
    """How far a setpoint comes in so many hours [K]: a step at a time, each measured before the next."""
    bounds = site.setpoints[setpoint]
    between_s = max(bounds.hold_s, (SETTLE + WINDOW).total_seconds())
    return bounds.step_max_k * max(int(hours * SECONDS_PER_HOUR / between_s), 1)


def plan(
    parameters: Parameters,
    situation: Situation,
    site: Site,
    objective: Objective = Objective.FACILITY_ENERGY,
) -> Plan:
    """Plan as far as the outlook reaches.

    A block in which nothing holds every limit keeps the setpoints of the block before.

    Args:
        parameters: the twin's.
        situation: where the plant stands and what is to come.
        site: ranges, steps and limits.
        objective: what to make small.
    """
    rates = RATES[objective](site, situation.outlook, situation.carbon_g_per_kwh)
    before = {s: situation.in_force[s] for s in site.setpoints if s in situation.in_force}
    blocks: list[Block] = []
    for first, last in _blocks(situation.outlook):
        ahead = situation.outlook.part(first, last)
        part = Rates(rates.unit, rates.per_kwh[first:last], rates.per_m3)
        planner = _Planner(parameters, situation, site, ahead, part)
        still, _ = planner.still({s: situation.in_force[s] for s in before})
        _, now = planner.still(before)
        best = planner.best(_spans(site, situation, before, ahead.hours), now)
        if best is None:
            best = _Best(np.inf, before, None)
        blocks.append(_block(planner, best, before, still, now))
        before = best.setpoints
    return Plan(objective, rates.unit, tuple(blocks))


def _blocks(outlook: Outlook) -> list[tuple[int, int]]:
    """First and last step of each block."""
    ends = [min(round(h / outlook.step_h), outlook.steps) for h in itertools.accumulate(BLOCKS_H)]
    return [(first, last) for first, last in itertools.pairwise([0, *ends]) if last > first]


def _spans(
    site: Site, situation: Situation, before: Mapping[Setpoint, float], hours: float
) -> dict[Setpoint, tuple[float, float]]:
    """Where each setpoint can be in a block [degC]: within reach, inside what may be."""
    found = {}
    for setpoint, value in before.items():
        low, high = situation.span(site, setpoint)
        reach = reach_k(site, setpoint, hours)
        lowest = min(max(low, value - reach), value + reach)
        found[setpoint] = lowest, max(min(high, value + reach), lowest)
    return found


def _block(
    planner: _Planner, best: _Best, before: Mapping[Setpoint, float], still: _Sight, now: limits.Figures
) -> Block:
    grid = planner.grid(best.setpoints, np.array([list(best.setpoints.values())]))
    seen = planner.look(grid, best.mode, now)
    held_by, relaxed_kw = planner.held_by(best, before, now)
    start, hours = planner.ahead.start, planner.ahead.hours
    return Block(
        start=start,
        hours=hours,
        setpoints={s: round(value / RESOLUTION_K) * RESOLUTION_K for s, value in best.setpoints.items()},
        chillers=int(seen.usual.chillers_running.max()),
        economizer=bool((seen.usual.economizer_load_kw > 0).any()),
        facility_kw=float(seen.facility_kw[0]),
        saving_kw=float(still.facility_kw[0] - seen.facility_kw[0]),
        cost=float(seen.cost[0]),
        saving=float(still.cost[0] - seen.cost[0]),
        held_by=held_by,
        relaxed_kw=relaxed_kw,
    )

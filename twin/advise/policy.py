"""Ways to run a plant over time: fixed, by rule, with perfect foresight, and as advised.

A policy is asked at every step what is to be in force next, and a plant is anything that can be read and run
on setpoints: the twin over a past period, or a simulated plant whose parameters nobody knows.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from core.actions import Authority, Setpoint
from core.tariff import Objective
from twin.advise import brief, reset
from twin.advise.evidence import DataQuality, Motion, Record
from twin.advise.observe import Observation
from twin.advise.record import SETTLE, WINDOW
from twin.advise.reset import RESOLUTION_K
from twin.advise.safety import SETTLE_S, TOLERANCE_K, UNMET_MAX_KW, Accepted, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from core.actions import Change
    from core.series import Floats
    from core.site import Site
    from twin.advise.brief import Fitted
    from twin.advise.outlook import Carbon, Load, Weather
    from twin.network import PlantState

TICK_S: Final = 300.0
"""Length of a step [s]."""
DECISION_TICKS: Final = 3
"""Advice is given every so many steps."""
OPERATOR: Final = "everybody accepts"
"""Who accepts where nobody is asked."""
_METERS_READ: Final = 4
"""Facility, IT and the weather's two: what advice rests on beside setpoints and inlets."""
AIM_TICKS: Final = 12
"""Foresight looks for its aim every so many steps."""
AIM_POINTS: Final = 5
"""Points of its grid along each setpoint and level."""
AIM_LEVELS: Final = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """A plant as it is seen at one moment."""

    it_kw: float
    """IT power [kW]."""
    facility_kw: float
    """Power of the whole facility [kW]."""
    inlets_c: tuple[float, ...]
    """IT inlets [degC]."""
    supply_air_c: float
    """Supply air [degC]."""
    dry_bulb_c: float
    """Outdoor dry bulb [degC]."""
    wet_bulb_c: float
    """Outdoor wet bulb [degC]."""
    chillers_running: float | None = None
    """How many run, where that is known."""
    tower_load_ratio: float | None = None
    """Heat that the tower rejects over its design [1], where it is known."""


class Plant(Protocol):
    """What a policy is tried on."""

    def read(self) -> Reading:
        """What the sensors say now."""

    def run(self, setpoints_c: Mapping[Setpoint, float]) -> None:
        """Go on by one step with these setpoints in force [degC]."""


class Policy(Protocol):
    """What decides."""

    def __call__(
        self, tick: int, read: Callable[[], Reading], in_force: Mapping[Setpoint, float]
    ) -> Mapping[Setpoint, float]:
        """The setpoints that change at this step [degC]."""


def walk(
    plant: Plant, policy: Policy, start: Mapping[Setpoint, float], ticks: int, every: int = 1
) -> dict[Setpoint, Floats]:
    """Let a policy run a plant.

    Args:
        plant: the plant.
        policy: who decides.
        start: setpoints in force before [degC].
        ticks: how many steps.
        every: it is asked at every so many of them.

    Returns:
        (ticks,) setpoints in force [degC].
    """
    in_force = dict(start)
    held = {setpoint: np.empty(ticks) for setpoint in in_force}
    for tick in range(ticks):
        if tick % every == 0:
            in_force |= policy(tick, plant.read, in_force)
        plant.run(in_force)
        for setpoint, value in in_force.items():
            held[setpoint][tick] = value
    return held


def fixed(start: Mapping[Setpoint, float], ticks: int) -> dict[Setpoint, Floats]:
    """Nothing is ever changed: (ticks,) setpoints in force [degC]."""
    return {setpoint: np.full(ticks, value) for setpoint, value in start.items()}


@dataclass
class Rules:
    """Guideline 36 resets and the near-optimal tower rule in closed loop, as fast as the rules let them."""

    site: Site
    every: int = 1
    """It is asked at every so many steps."""
    _state: reset.RuleState | None = None

    def __call__(
        self, tick: int, read: Callable[[], Reading], in_force: Mapping[Setpoint, float]
    ) -> Mapping[Setpoint, float]:
        """What the rules command next."""
        del tick
        seen = read()
        now = reset.Condition(
            in_force,
            seen.inlets_c,
            seen.supply_air_c,
            seen.wet_bulb_c,
            chillers_running=seen.chillers_running,
            part_load_ratio=seen.tower_load_ratio,
        )
        self._state = self._state or reset.begin(self.site, now)
        for _ in range(round(self.every * TICK_S / reset.PERIOD_S)):
            self._state = reset.next_state(self.site, self._state, now)
        return reset.setpoints(self.site, self._state, now)


@dataclass
class Foresight:
    """Knows the plant and everything that is to come; the bound of what could be saved.

    It aims for the best of all setpoints together over the hours ahead, and moves there by the best step of
    one setpoint at a time, within the site's limits of motion, or at once.
    """

    site: Site
    solve: Callable[[int, int, Mapping[Setpoint, Floats]], PlantState]
    """The true plant over some steps, by first and last, for setpoints of shape (k, 1): (k, steps)."""
    ahead_ticks: int
    """How far it looks."""
    aim_ticks: int = AIM_TICKS
    """How often it looks for its aim."""
    free_motion: bool = False
    """Whether it may move everything at once and at any time."""
    pause_ticks: int = 0
    """How long it waits after no step was worth it."""
    _again: int = 0
    _aim: dict[Setpoint, float] = field(default_factory=dict)
    _moved: dict[Setpoint, int] = field(default_factory=dict)

    def __call__(
        self, tick: int, read: Callable[[], Reading], in_force: Mapping[Setpoint, float]
    ) -> Mapping[Setpoint, float]:
        """The best step."""
        del read
        if tick % self.aim_ticks == 0:
            self._aim = self._best(tick, in_force)
        if self.free_motion:
            return self._aim
        waits = any((tick - at) * TICK_S < SETTLE_S for at in self._moved.values())
        if tick % DECISION_TICKS or tick < self._again or waits:
            return {}
        return self._step(tick, in_force)

    def _step(self, tick: int, in_force: Mapping[Setpoint, float]) -> Mapping[Setpoint, float]:
        moves: list[Mapping[Setpoint, float]] = [{}]
        for setpoint, aim in self._aim.items():
            bounds, moved = self.site.setpoints[setpoint], self._moved.get(setpoint)
            if moved is not None and (tick - moved) * TICK_S < bounds.hold_s:
                continue
            to_c = reset.within(aim, in_force[setpoint], bounds)
            if abs(to_c - in_force[setpoint]) >= RESOLUTION_K / 2:
                moves.append({setpoint: to_c})
        if len(moves) == 1:
            return {}
        grid = {s: np.array([move.get(s, value) for move in moves]) for s, value in in_force.items()}
        cost = self._costs(tick, grid)
        best = moves[int(np.argmin(cost))]
        self._moved |= dict.fromkeys(best, tick)
        self._again = tick if best else tick + self.pause_ticks
        return best

    def _best(self, tick: int, in_force: Mapping[Setpoint, float]) -> dict[Setpoint, float]:
        names = [setpoint for setpoint in self.site.setpoints if setpoint in in_force]
        ranges = {s: (self.site.setpoints[s].low_c, self.site.setpoints[s].high_c) for s in names}
        spans, best, least = dict(ranges), dict(in_force), np.inf
        for _ in range(AIM_LEVELS):
            axes = [np.linspace(*spans[s], AIM_POINTS) for s in names]
            mesh = np.array(list(itertools.product(*axes)))
            cost = self._costs(tick, {s: mesh[:, i] for i, s in enumerate(names)})
            index = int(np.argmin(cost))
            if cost[index] < least:
                least, best = float(cost[index]), dict(zip(names, mesh[index].tolist(), strict=True))
            for s in names:
                cell, (low, high) = (spans[s][1] - spans[s][0]) / (AIM_POINTS - 1), ranges[s]
                spans[s] = max(best[s] - cell, low), min(best[s] + cell, high)
        return best

    def _costs(self, tick: int, grid: Mapping[Setpoint, Floats]) -> Floats:
        """(k,) mean power over the steps ahead [kW]; infinite where a limit is broken."""
        state = self.solve(tick, tick + self.ahead_ticks, {s: v[:, None] for s, v in grid.items()})
        limit_c = self.site.limits.envelope.recommended_high_c
        ok = state.inlet_c.max(axis=-1) <= limit_c + TOLERANCE_K
        ok &= state.unmet_kw.max(axis=-1) <= UNMET_MAX_KW
        return np.asarray(np.where(ok, state.facility_kw.mean(axis=-1), np.inf), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Move:
    """A recommendation that was followed."""

    tick: int
    """When."""
    change: Change
    """What."""
    p10_kw: float
    """Saving that nine cases in ten exceed, mean over the horizon [kW]."""
    p50_kw: float
    """Median [kW]."""
    p90_kw: float
    """Saving that one case in ten exceeds [kW]."""
    horizon_h: float
    """Over which it is expected [h]."""
    forecast_model: str = ""
    """Which forecast of the load it rests on."""
    weather_source: str = ""
    """Which weather."""


@dataclass
class Advised:
    """Every recommendation that passes the gates is accepted and followed; one decision a quarter hour."""

    site: Site
    at: Callable[[int], datetime]
    """The time at which a step begins."""
    twin: Callable[[int], Fitted]
    """The calibrated twin as it was known at a step."""
    ahead: Callable[[int, Reading], tuple[Load, Weather]]
    """Load and weather to come as they were known at a step."""
    objective: Objective = Objective.FACILITY_ENERGY
    """What is to be small."""
    carbon: Callable[[int], Carbon | None] = lambda _: None
    """The grid's carbon intensity to come as it was known at a step."""
    moves: list[Move] = field(default_factory=list)
    """What was followed."""
    held_back: Counter[str] = field(default_factory=Counter)
    """Why nothing was, by gate, and how often."""
    pause_ticks: int = 0
    """How long it waits after there was nothing to change."""
    _moved: dict[Setpoint, int] = field(default_factory=dict)
    _again: int = 0

    def __call__(
        self, tick: int, read: Callable[[], Reading], in_force: Mapping[Setpoint, float]
    ) -> Mapping[Setpoint, float]:
        """The change that is followed, if there is one."""
        if tick % DECISION_TICKS or tick < self._again or not self._free(tick):
            return {}
        self._again = tick + self.pause_ticks
        known = self.brief(tick, read(), in_force)
        found = brief.advise(known)
        if isinstance(found, str):
            self.held_back[found] += 1
            return {}
        if brief.trifling(known, found):
            self.held_back["benefit"] += 1
            return {}
        assessment = known.assess((found.change,))
        evidence = known.evidence((found.change,), assessment)
        verdict = judge(replace(evidence, operator=OPERATOR, authority=Authority.SUPERVISED))
        if not isinstance(verdict, Accepted):
            self.held_back.update(result.gate for result in verdict.failed)
            return {}
        self._again = tick
        expected = assessment.benefit
        self.moves.append(
            Move(
                tick,
                found.change,
                expected.p10_kw,
                expected.p50_kw,
                expected.p90_kw,
                known.situation.block.hours,
                known.load.model,
                known.weather.source,
            )
        )
        self._moved[found.change.setpoint] = tick
        return {found.change.setpoint: found.change.to_c}

    def _free(self, tick: int) -> bool:
        """Whether any setpoint may move: there is nothing to think about otherwise."""
        since = {s: (tick - at) * TICK_S for s, at in self._moved.items()}
        waiting = self._unverified(tick)
        settled = min(since.values(), default=np.inf) >= SETTLE_S
        return settled and any(
            since.get(s, np.inf) >= bounds.hold_s and s not in waiting
            for s, bounds in self.site.setpoints.items()
        )

    def _unverified(self, tick: int) -> tuple[Setpoint, ...]:
        wait_s = (SETTLE + WINDOW).total_seconds()
        return tuple(s for s, at in self._moved.items() if (tick - at) * TICK_S < wait_s)

    def brief(self, tick: int, seen: Reading, in_force: Mapping[Setpoint, float]) -> brief.Brief:
        """What is known at a step."""
        since = {s: (tick - self._moved[s]) * TICK_S if s in self._moved else np.inf for s in in_force}
        inputs, inlets = len(in_force) + _METERS_READ, len(seen.inlets_c)
        now = Observation(
            at=self.at(tick),
            quality=DataQuality((), (), (), 0.0, inputs, inlets, inlets),
            motion=Motion(dict(in_force), since, ()),
            held=dict(in_force),
            held_beside={},
            facility_kw=seen.facility_kw,
            it_kw=seen.it_kw,
            inlets_c=seen.inlets_c,
            dry_bulb_c=seen.dry_bulb_c,
            wet_bulb_c=seen.wet_bulb_c,
            supply_air_c=seen.supply_air_c,
        )
        record = Record(self._unverified(tick), {})
        return brief.make(
            self.site, self.twin(tick), now, *self.ahead(tick, seen), record, self.objective,
            forecast_age_max_s=np.inf, carbon=self.carbon(tick),
        )  # fmt: skip

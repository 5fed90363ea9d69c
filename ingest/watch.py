"""Quality over time: what a single reading cannot show. Marks, never drops.

`Watch.judge` goes over a batch between the assembler and the writer and remembers one small state a point.
Ordinary readings pass all at once; a point with anything odd among its readings is looked at one by one:

======================================  ==================================================================
`UNCERTAIN_SENSOR_NOT_ACCURATE`         a jump faster than the catalogue's `rate_max`
`UNCERTAIN_LAST_USABLE`                 a sensor that used to show noise says exactly the same for `flat_s`
`UNCERTAIN_ENGINEERING_UNITS_EXCEEDED`  1000 times or 1/1000 of what is usual, or degF on a degC point
`UNCERTAIN_CONFIGURATION_ERROR`         the device's clock is ahead, or behind by ever the same
======================================  ==================================================================

A reading has one mark: a worse one, or the device's own, stays. Whoever is silent shows in `ingest.alarms`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.points import CATALOGUE, Status
from core.units import W_PER_KW, Quantity, to_canonical
from ingest.rows import US_PER_S, all_as_us, as_us

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from numpy.typing import NDArray

    from core.points import PointType
    from core.series import Floats
    from core.site import Site
    from ingest.batch import Batch
    from ingest.codec.base import Decoded
    from ingest.rows import Ints, Key, Readings, Times

    States = NDArray[np.void]
    """(k,) of `_STATE`."""

Range = tuple[float, float]

RATE: Final = int(Status.UNCERTAIN_SENSOR_NOT_ACCURATE)
FLAT: Final = int(Status.UNCERTAIN_LAST_USABLE)
UNIT: Final = int(Status.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED)
CLOCK: Final = int(Status.UNCERTAIN_CONFIGURATION_ERROR)
NAMES: Final = {RATE: "rate", FLAT: "flat", UNIT: "unit", CLOCK: "clock"}

SHORTEST_STEP_S: Final = 1.0
"""Readings closer together are taken to be so far apart: a sensor's resolution is no jump [s]."""
THOUSAND: Final = 1000.0
FLAT_REPEATS_MIN: Final = 30
"""So many readings in a row must be the same: an hourly value may well stand still."""
NOISE_RATIO: Final = 10.0
"""A sensor shows noise when it never stood still for a tenth of `flat_s`."""
AHEAD_S: Final = 5.0
"""A reading from further in the future shows a fast clock [s]."""
BEHIND_S: Final = 60.0
"""A reading that is no older may just have been on its way [s]."""
HISTORY_S: Final = 26 * 3600.0
"""What is older than any time zone can be wrong by is history [s]."""
STEADY_MESSAGES: Final = 3
"""After so many messages with the same delay it is a slow clock, and no queue that empties."""
STEADY_RATIO: Final = 0.1
"""How much of the time between two messages their delays may differ by."""
PUBLICATION_RATIO: Final = 10.0
"""A delay of fewer intervals is how some sources publish: hourly values, an hour late."""
FIRST_PLACES: Final = 256
DESIGN_LOW, DESIGN_HIGH = 0.005, 5.0
"""What a whole site's power may be, as a share of its IT design power."""


def expected(site: Site) -> dict[Key, Range]:
    """What the site's own description says about its meters' values [W]: lowest and highest."""
    design_w = site.plant.it_design_kw * W_PER_KW
    ranges: dict[Key, Range] = {}
    for refs in (site.meters.facility, site.meters.it):
        low_w = DESIGN_LOW * design_w if len(refs) == 1 else -math.inf
        for ref in refs:
            if CATALOGUE[ref.point].quantity is Quantity.POWER:
                ranges[ref.asset, ref.point] = (low_w, DESIGN_HIGH * design_w)
    return ranges


def looks_like_another_unit(value: float, quantity: Quantity, usual: Range) -> bool:
    """Whether a value is unusual as it is, and usual in the unit that it was probably sent in."""
    low, high = usual
    if low <= value <= high:
        return False
    if quantity is Quantity.TEMPERATURE:
        return value > high and low <= to_canonical(value, "degF", quantity) <= high
    return low <= value * THOUSAND <= high or low <= value / THOUSAND <= high


@dataclass(slots=True)
class _Seen:
    """What is remembered of one point; a row of `_STATE`."""

    value: float
    """The last one that was believed; NaN before."""
    changed_us: int
    """When it took that value."""
    seen_us: int
    """When it last said something believed."""
    born_us: int
    low: float
    high: float
    """Between these its values usually lie."""
    rate: float
    """Fastest change that is no jump [1/s]."""
    flat_s: float
    """How long it may stand still; infinite for a point that may rest."""
    run_s: float = 0.0
    """How long it has stood still."""
    longest_s: float = 0.0
    """The longest of the times before, the marked ones left out."""
    repeats: int = 0
    flat: bool = False
    fresh: bool = True
    """Nothing has been seen of it yet."""


_STATE: Final = np.dtype(
    [(one.name, {"float": "f8", "int": "i8", "bool": "?"}[str(one.type)]) for one in fields(_Seen)]
)


_EACH: Final = ("low", "high", "rate", "flat_s", "longest_s", "born_us", "changed_us", "flat")
"""What of it each reading is compared with."""


@dataclass(slots=True)
class _Delay:
    """How late one asset's messages are."""

    late_s: float
    arrived: datetime
    count: int = 1
    """Messages in a row that were as late."""


class Watch:
    """Remembers what each point said and marks what cannot be right. One for each process, in one thread.

    Args:
        site: what to expect of its meters.
        speed_ratio: plant seconds per wall second; delays on the way count as many times.
    """

    def __init__(self, site: Site, speed_ratio: float = 1.0) -> None:
        self.counts: Counter[str] = Counter()
        """Readings marked since the start, by `NAMES`."""
        self._expected = expected(site)
        self._places: dict[Key, int] = {}
        self._states = np.zeros(FIRST_PLACES, dtype=_STATE)
        self._delays: dict[str, _Delay] = {}
        self._speed = max(speed_ratio, 1.0)

    def resume(self, latest: Iterable[Decoded]) -> None:
        """Go on from the newest readings that are stored; a sensor that was marked flat still is."""
        for asset, name, time, value, status in latest:
            if name in CATALOGUE and status in {int(Status.GOOD), FLAT}:
                place = self._place((asset, name))
                state, us = self._load(place), as_us(time)
                state.value, state.fresh, state.flat = value, False, status == FLAT
                state.changed_us = state.seen_us = state.born_us = us
                self._states[place] = astuple(state)

    def judge(self, batch: Batch) -> None:
        """Mark a batch's readings."""
        readings = batch.arrays
        if not len(readings):
            return
        self._clocks(batch)
        order = np.argsort(readings.index, kind="stable")
        index = readings.index[order]
        first = np.flatnonzero(np.concatenate([[True], index[1:] != index[:-1]]))
        places = np.array([self._place(key) for key in readings.keys], dtype=np.int64)[index[first]]
        state = self._states[places]
        odd = _advance(
            state, readings.times_us[order], readings.values[order], readings.statuses[order], first
        )
        self._states[places] = state
        ends = np.append(first[1:], len(order))
        for number in np.flatnonzero(odd).tolist():
            self._one_by_one(readings, order[first[number] : ends[number]], int(places[number]))

    def _place(self, key: Key) -> int:
        """Where a point's state stands; a new point gets a place."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._places)
            if place == len(self._states):
                self._states = np.concatenate([self._states, np.zeros_like(self._states)])
            point = CATALOGUE[key[1]]
            low, high = self._expected.get(key) or point.usual
            state = _Seen(math.nan, 0, 0, 0, low, high, point.rate_max, point.flat_s)
            self._states[place] = astuple(state)
        return place

    def _load(self, place: int) -> _Seen:
        return _Seen(*self._states[place].item())

    def _one_by_one(self, readings: Readings, which: Ints, place: int) -> None:
        """One point's readings, with something among them that is to be looked at."""
        state = self._load(place)
        point = CATALOGUE[readings.keys[readings.index[which[0]]][1]]
        for at in which.tolist():
            if not readings.statuses[at]:
                mark = _look(state, point, int(readings.times_us[at]), float(readings.values[at]))
                if mark:
                    self.counts[NAMES[mark]] += 1
                    readings.statuses[at] = mark
        self._states[place] = astuple(state)

    def _clocks(self, batch: Batch) -> None:
        """Mark what comes from a device whose clock is wrong."""
        readings = batch.arrays
        ends = np.array([*batch.starts[1:], len(readings)])
        sent = np.flatnonzero(ends > batch.starts)  # messages that hold readings
        last = ends[sent] - 1
        arrived_us = all_as_us([batch.messages[number].arrived for number in sent.tolist()])
        late_s = (arrived_us - readings.times_us[last]) / (US_PER_S * self._speed)
        punctual = (late_s >= -AHEAD_S) & (late_s <= BEHIND_S)
        if punctual.all() and not self._delays:
            return
        for number, at, late, good in zip(
            sent.tolist(), last.tolist(), late_s.tolist(), punctual.tolist(), strict=True
        ):
            asset = readings.keys[readings.index[at]][0]
            if good:
                if late != 0.0:  # else it has no time of its own
                    self._delays.pop(asset, None)
            elif late < 0 or self._steady(asset, late, batch.messages[number].arrived):
                self._mark_clock(readings, batch.starts[number], at + 1, ahead=late < 0)

    def _steady(self, asset: str, late_s: float, arrived: datetime) -> bool:
        """Whether an asset's messages come later than they should by ever the same."""
        before = self._delays.get(asset)
        if late_s * self._speed > HISTORY_S:
            return False
        if before is None:
            self._delays[asset] = _Delay(late_s, arrived)
            return False
        interval_s = (arrived - before.arrived).total_seconds() / self._speed
        if interval_s <= 0:
            return before.count >= STEADY_MESSAGES
        same = abs(late_s - before.late_s) <= STEADY_RATIO * interval_s
        published = late_s < PUBLICATION_RATIO * interval_s
        count = before.count + 1 if same and not published else 1
        self._delays[asset] = _Delay(late_s, arrived, count)
        return count >= STEADY_MESSAGES

    def _mark_clock(self, readings: Readings, begin: int, end: int, *, ahead: bool) -> None:
        statuses = readings.statuses[begin:end]
        self.counts["clock ahead" if ahead else "clock behind"] += int((statuses == 0).sum())
        statuses[statuses == 0] = CLOCK


def _advance(
    state: States, times_us: Times, values: Floats, statuses: Ints, first: Ints
) -> NDArray[np.bool_]:
    """Bring the states of points up to date, all at once, where all of a point's readings are ordinary.

    Args:
        state: (k,) of the points; changed in place.
        times_us: (n,) of their readings, one point after the other [µs].
        values: (n,) [canonical unit].
        statuses: (n,) as the devices and the catalogue's ranges have it.
        first: (k,) where each point's readings begin.

    Returns:
        (k,) true where something is to be looked at; the states of these are as they were.
    """
    count = np.diff(np.append(first, len(values)))
    each = {name: np.repeat(state[name], count) for name in _EACH}
    since_s = (times_us - _before(times_us, state["seen_us"], first)) / US_PER_S
    step = values - _before(values, state["value"], first)
    ordinary = (
        (statuses == 0)
        & (since_s > 0)
        & (each["low"] <= values)
        & (values <= each["high"])
        & (np.abs(step) <= each["rate"] * np.maximum(since_s, SHORTEST_STEP_S))
    )
    still = (step == 0) & np.isfinite(each["flat_s"])
    changed = np.maximum.accumulate(np.where(still, -1, np.arange(len(values))))
    own = changed >= np.repeat(first, count)  # else it has stood still since before these readings
    changed_us = np.where(own, times_us[changed], each["changed_us"])
    run_s = np.where(still & (values != 0), (times_us - changed_us) / US_PER_S, 0.0)
    noisy = (each["longest_s"] * NOISE_RATIO <= each["flat_s"]) & (
        changed_us - each["born_us"] >= each["flat_s"] * US_PER_S
    )
    ordinary &= ~(noisy & (run_s >= each["flat_s"])) & ~each["flat"]
    ended_s = np.where(still, 0.0, _before(run_s, state["run_s"], first))
    last = first + count - 1
    good = np.logical_and.reduceat(ordinary, first)
    for name, found in (
        ("value", values[last]),
        ("seen_us", times_us[last]),
        ("changed_us", changed_us[last]),
        ("run_s", run_s[last]),
        ("longest_s", np.maximum(state["longest_s"], np.maximum.reduceat(ended_s, first))),
        ("repeats", np.where(own[last], last - changed[last], state["repeats"] + count)),
    ):
        state[name][good] = found[good]
    return ~good


def _before(column: NDArray[Any], initial: NDArray[Any], first: Ints) -> NDArray[Any]:
    """(n,) what came before each; before a point's first, what is remembered."""
    shifted = np.empty_like(column)
    shifted[1:] = column[:-1]
    shifted[first] = initial
    return shifted


def _look(state: _Seen, point: PointType, us: int, value: float) -> int:
    """The mark that a good reading deserves; 0 for none."""
    since_s = (us - state.seen_us) / US_PER_S
    if state.fresh:
        state.born_us = state.seen_us = state.changed_us = us
        state.fresh, since_s = False, 0.0
    elif since_s <= 0:
        return 0  # late or again: it says nothing about what came after it
    step, far = value - state.value, state.rate * max(since_s, SHORTEST_STEP_S)
    gradual = not math.isinf(far) and abs(step) <= far
    if not gradual and looks_like_another_unit(value, point.quantity, (state.low, state.high)):
        return UNIT
    if abs(step) > far:
        return RATE
    state.seen_us = us
    if step == 0.0 and not math.isinf(state.flat_s):
        return _same(state, us)
    state.longest_s = max(state.longest_s, 0.0 if state.flat else state.run_s)
    state.value, state.changed_us = value, us
    state.run_s, state.repeats, state.flat = 0.0, 0, False
    return 0


def _same(state: _Seen, us: int) -> int:
    """The same value again."""
    state.repeats += 1
    state.run_s = (us - state.changed_us) / US_PER_S
    if state.value == 0.0:
        state.run_s = 0.0  # switched off
        return 0
    watched_s = (state.changed_us - state.born_us) / US_PER_S
    noisy = watched_s >= state.flat_s and state.longest_s * NOISE_RATIO <= state.flat_s
    if noisy and state.run_s >= state.flat_s and state.repeats >= FLAT_REPEATS_MIN:
        state.flat = True
    return FLAT if state.flat else 0

"""Quality over time: what a single reading cannot show. Marks, never drops.

`Watch.judge` goes over a batch between the assembler and the writer and remembers one small state a point:

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
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from core.points import CATALOGUE, Status
from core.units import W_PER_KW, Quantity, to_canonical
from ingest.codec.base import Decoded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.points import PointType
    from core.site import Site
    from ingest.batch import Batch

Key = tuple[str, str]
"""Asset and point."""
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


class _Seen:
    """What is remembered of one point. Slots and no dataclass: `Watch.judge` reads it for every reading."""

    __slots__ = (
        "band",
        "born",
        "flat",
        "high",
        "longest_s",
        "low",
        "may_rest",
        "repeats",
        "run_s",
        "seen",
        "time",
        "value",
    )

    def __init__(self, point: PointType, usual: Range, value: float, time: datetime) -> None:
        self.value = value
        self.time = time
        """When it took its value: the last change, for a point that may not rest."""
        self.low, self.high = usual
        self.band = point.rate_max * SHORTEST_STEP_S
        """A change by less is never a jump."""
        self.may_rest = math.isinf(point.flat_s)
        self.born = time
        self.seen = time
        """When it last said the same again."""
        self.repeats = 0
        self.run_s = 0.0
        """How long it has stood still, or last stood still."""
        self.longest_s = 0.0
        """The longest of those before, the marked ones left out."""
        self.flat = False


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
        self._seen: dict[Key, _Seen] = {}
        self._delays: dict[str, _Delay] = {}
        self._speed = max(speed_ratio, 1.0)

    def resume(self, latest: Iterable[Decoded]) -> None:
        """Go on from the newest readings that are stored; a sensor that was marked flat still is."""
        for asset, name, time, value, status in latest:
            if name in CATALOGUE and status in {int(Status.GOOD), FLAT}:
                state = self._seen[asset, name] = _Seen(
                    CATALOGUE[name], self._usual(asset, name), value, time
                )
                if status == FLAT:
                    state.flat = True
                    state.seen = time + timedelta.resolution

    def judge(self, batch: Batch) -> None:
        """Mark a batch's readings."""
        self._clocks(batch)
        readings, seen = batch.readings, self._seen
        for index, (asset, name, time, value, status) in enumerate(readings):
            state = seen.get((asset, name))
            if state is not None and not status:
                step = value - state.value
                band = state.band
                if (step or state.may_rest) and -band <= step <= band and state.low <= value <= state.high:
                    state.value = value  # nothing to say about it: the common case, without a call
                    state.time = time
                    continue
            mark = 0 if status else self._look(state, asset, name, time, value)
            if mark:
                self.counts[NAMES[mark]] += 1
                readings[index] = Decoded(asset, name, time, value, mark)

    def _usual(self, asset: str, name: str) -> Range:
        return self._expected.get((asset, name)) or CATALOGUE[name].usual

    def _look(self, state: _Seen | None, asset: str, name: str, time: datetime, value: float) -> int:
        """The mark that a good reading deserves; 0 for none."""
        point = CATALOGUE[name]
        fresh = state is None
        if state is None:
            state = self._seen[asset, name] = _Seen(point, self._usual(asset, name), math.nan, time)
        since_s = (time - max(state.time, state.seen)).total_seconds()
        if not fresh and since_s <= 0:
            return 0  # late or again: it says nothing about what came after it
        step, far = value - state.value, point.rate_max * max(since_s, SHORTEST_STEP_S)
        usual = (state.low, state.high)
        gradual = not math.isinf(far) and abs(step) <= far
        if not gradual and looks_like_another_unit(value, point.quantity, usual):
            return UNIT
        if abs(step) > far:
            return RATE
        if step == 0.0 and not state.may_rest:
            return self._flat(state, point, time, value)
        state.value, state.time = value, time
        return 0

    def _flat(self, state: _Seen, point: PointType, time: datetime, value: float) -> int:
        """The same value again."""
        if state.seen <= state.time:  # it has changed since: another run begins
            state.longest_s = max(state.longest_s, 0.0 if state.flat else state.run_s)
            state.repeats, state.flat = 0, False
        state.seen = time
        state.repeats += 1
        state.run_s = (time - state.time).total_seconds()
        if value == 0.0:
            state.run_s = 0.0  # switched off
            return 0
        watched_s = (state.time - state.born).total_seconds()
        noisy = watched_s >= point.flat_s and state.longest_s * NOISE_RATIO <= point.flat_s
        if noisy and state.run_s >= point.flat_s and state.repeats >= FLAT_REPEATS_MIN:
            state.flat = True
        return FLAT if state.flat else 0

    def _clocks(self, batch: Batch) -> None:
        """Mark what comes from a device whose clock is wrong."""
        ends = pairwise([*batch.starts, len(batch.readings)])
        for message, (begin, end) in zip(batch.messages, ends, strict=True):
            if begin == end:
                continue
            last = batch.readings[end - 1]
            if last.time is message.arrived:
                continue  # it has no time of its own
            late_s = (message.arrived - last.time).total_seconds() / self._speed
            if -AHEAD_S <= late_s <= BEHIND_S:
                if last.asset in self._delays:
                    del self._delays[last.asset]
            elif late_s < 0 or self._steady(last.asset, late_s, message.arrived):
                self._mark_clock(batch, begin, end, ahead=late_s < 0)

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

    def _mark_clock(self, batch: Batch, begin: int, end: int, *, ahead: bool) -> None:
        for index in range(begin, end):
            reading = batch.readings[index]
            if not reading.status:
                batch.readings[index] = reading._replace(status=CLOCK)
                self.counts["clock ahead" if ahead else "clock behind"] += 1

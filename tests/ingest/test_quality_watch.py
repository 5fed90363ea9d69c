"""What shows only over time: jumps, flat lines, other units, wrong clocks; and after restarts."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.points import CATALOGUE, Status
from core.units import Quantity
from ingest.batch import Batch, Message
from ingest.codec.base import Decoded
from ingest.watch import CLOCK, FLAT, RATE, UNIT, Watch, expected, looks_like_another_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.site import Site

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
INLET = ("rack-1", "inlet_temperature")
EVERY_S = 10.0


def stream(
    values: Iterable[float],
    key: tuple[str, str] = INLET,
    every_s: float = EVERY_S,
    start: datetime = START,
) -> list[Decoded]:
    return [
        Decoded(*key, start + timedelta(seconds=every_s * number), value, 0)
        for number, value in enumerate(values)
    ]


def judged(watch: Watch, readings: Sequence[Decoded], late_s: float = 0.1, size: int = 7) -> list[Decoded]:
    """The readings as they come out, each in a message of its own, `size` messages a batch."""
    found: list[Decoded] = []
    for begin in range(0, len(readings), size):
        batch = Batch()
        for reading in readings[begin : begin + size]:
            batch.messages.append(Message("t", b"", reading.time + timedelta(seconds=late_s)))
            batch.starts.append(len(batch.values))
            batch.add_one(reading)
        watch.judge(batch)
        found += batch.readings
    return found


def marks(watch: Watch, readings: Sequence[Decoded], late_s: float = 0.1) -> list[int]:
    found = judged(watch, readings, late_s)
    assert [r._replace(status=0) for r in found] == [r._replace(status=0) for r in readings], "never drops"
    return [r.status for r in found]


def noise(count: int, around: float = 22.0) -> list[float]:
    rng = random.Random(1)  # noqa: S311  # a sensor's noise
    return [around + rng.gauss(0.0, 0.1) for _ in range(count)]


def test_an_ordinary_stream_has_no_mark_and_a_device_keeps_its_own(site: Site) -> None:
    watch = Watch(site)
    assert set(marks(watch, stream(noise(500)))) == {0}
    own = Decoded(*INLET, START + timedelta(days=1), 55.0, int(Status.UNCERTAIN))
    bad = Decoded(*INLET, START + timedelta(days=1), 99.0, int(Status.BAD_OUT_OF_RANGE))
    assert judged(watch, [own, bad]) == [own, bad]
    assert not watch.counts


def test_a_spike_is_marked_and_what_follows_is_not(site: Site) -> None:
    watch = Watch(site)
    assert marks(watch, stream([22.0, 22.1, 38.0, 22.2, 22.3])) == [0, 0, RATE, 0, 0]
    assert watch.counts == {"rate": 1}


def test_a_step_that_stays_is_believed_once_the_time_would_have_sufficed(site: Site) -> None:
    found = marks(Watch(site), stream([22.0, 22.1] + [38.0] * 6))
    assert found == [0, 0, RATE, RATE, RATE, 0, 0, 0], "16 K at 0.5 K/s are 32 s"


def test_two_readings_in_one_instant_may_differ_by_the_resolution(site: Site) -> None:
    assert set(marks(Watch(site), stream([22.0, 22.4, 22.0], every_s=0.001))) == {0}


def test_a_jump_is_seen_across_a_restart(site: Site) -> None:
    before = judged(Watch(site), stream([22.0, 22.1]))
    watch = Watch(site)
    watch.resume(before[-1:])
    assert marks(watch, stream([38.0], start=START + timedelta(seconds=20))) == [RATE]


def test_a_noisy_sensor_that_stands_still_is_marked_until_it_moves(site: Site) -> None:
    watch = Watch(site)
    hours = int(3600 / EVERY_S)
    found = marks(watch, stream(noise(2 * hours) + [22.5] * 2 * hours + noise(10)))
    first = found.index(FLAT)
    assert first == 3 * hours, "one hour after the last change"
    assert set(found[first : 4 * hours]) == {FLAT}
    assert set(found[:first] + found[4 * hours :]) == {0}


def test_a_flat_line_stays_marked_over_a_restart_and_ends_with_the_first_change(site: Site) -> None:
    stored = Decoded(*INLET, START, 22.5, FLAT)
    watch = Watch(site)
    watch.resume([stored])
    found = marks(watch, stream([22.5, 22.5, 22.6, 22.6, 22.7], start=START + timedelta(seconds=5)))
    assert found == [FLAT, FLAT, 0, 0, 0]


def test_a_coarse_sensor_may_stand_still_for_hours(site: Site) -> None:
    hours = int(3600 / EVERY_S)
    values = ([22.0] * (hours // 4) + [22.5] * (hours // 4)) * 4 + [22.0] * 5 * hours
    assert set(marks(Watch(site), stream(values))) == {0}


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ("supply_air_temperature_setpoint", 18.0),
        ("running", 1.0),
        ("energy", 5e9),
        ("facility_power", 0.0),
    ],
)
def test_setpoints_states_counters_and_what_is_off_may_stand_still(
    site: Site, point: str, value: float
) -> None:
    values = [value + (i + 1) * 1e3 for i in range(800)] if point == "facility_power" else []
    assert set(marks(Watch(site), stream([*values, *[value] * 1500], ("x-1", point)))) == {0}


def test_hourly_values_may_repeat(site: Site) -> None:
    assert set(marks(Watch(site), stream([*noise(50), *[22.0] * 20], every_s=3600.0))) == {0}


def test_degrees_fahrenheit_on_a_point_in_degrees_celsius(site: Site) -> None:
    watch = Watch(site)
    assert set(marks(watch, stream([55.0, 55.2, 54.9]))) == {UNIT}, "55 degF are 12.8 degC"
    assert watch.counts == {"unit": 3}


def test_a_hall_that_really_gets_hot_is_no_other_unit(site: Site) -> None:
    rising = [30.0 + 0.25 * step for step in range(100)]
    assert max(rising) > 52
    assert set(marks(Watch(site), stream(rising))) == {0}


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_a_meter_whose_unit_changes_by_a_thousand(site: Site, factor: float) -> None:
    key = (site.meters.facility[0].asset, site.meters.facility[0].point)
    assert len(site.meters.facility) == 1
    watch = Watch(site)
    values = [8e5 + step for step in range(10)]
    changed = [value * factor for value in values]
    assert marks(watch, stream(values + changed + values, key)) == [0] * 10 + [UNIT] * 10 + [0] * 10
    again = Watch(site)
    again.resume(stream(values, key)[-1:])
    later = START + timedelta(hours=1)
    assert set(marks(again, stream(changed, key, start=later))) == {UNIT}, "also after a restart"


def test_what_a_unit_looks_like() -> None:
    kg_per_kwh = looks_like_another_unit(0.3, Quantity.CARBON_INTENSITY, CATALOGUE["carbon_intensity"].usual)
    assert kg_per_kwh
    assert looks_like_another_unit(0.31, Quantity.POWER, CATALOGUE["gpu_power"].usual)
    assert not looks_like_another_unit(0.0, Quantity.POWER, CATALOGUE["gpu_power"].usual)
    assert not looks_like_another_unit(1e12, Quantity.POWER, CATALOGUE["power"].usual), "nothing is expected"


def test_the_sites_own_design_says_what_to_expect(site: Site) -> None:
    ranges = expected(site)
    ref = site.meters.facility[0]
    low_w, high_w = ranges[ref.asset, ref.point]
    assert low_w < site.plant.it_design_kw * 1000 < high_w


def test_a_fast_clock_is_marked_and_counted(site: Site) -> None:
    watch = Watch(site)
    assert set(marks(watch, stream(noise(20)), late_s=-30.0)) == {CLOCK}
    assert watch.counts == {"clock ahead": 20}


@pytest.mark.parametrize("late_s", [600.0, 3600.0, 12 * 3600.0])
def test_a_slow_clock_is_marked_once_it_is_steady(site: Site, late_s: float) -> None:
    watch = Watch(site)
    assert marks(watch, stream(noise(20)), late_s=late_s) == [0, 0] + [CLOCK] * 18
    assert watch.counts == {"clock behind": 18}
    after = stream(noise(5), start=START + timedelta(hours=1))
    assert set(marks(watch, after)) == {0}, "the clock has been set"
    assert marks(Watch(site), stream(noise(4)), late_s=late_s)[-1] == CLOCK, "found again after a restart"


def test_a_queue_that_empties_is_no_slow_clock(site: Site) -> None:
    readings = stream(noise(50))
    batch = Batch()
    for number, reading in enumerate(readings):
        arrived = readings[-1].time + timedelta(seconds=300, milliseconds=20 * number)
        batch.messages.append(Message("t", b"", arrived))
        batch.starts.append(number)
        batch.add_one(reading)
    Watch(site).judge(batch)
    assert {r.status for r in batch.readings} == {0}


def test_values_published_an_hour_late_every_hour_are_no_slow_clock(site: Site) -> None:
    values = stream([250.0 + n for n in range(48)], ("grid", "carbon_intensity"), every_s=3600.0)
    assert set(marks(Watch(site), values, late_s=3900.0)) == {0}


def test_history_played_through_the_broker_is_no_slow_clock(site: Site) -> None:
    assert set(marks(Watch(site), stream(noise(20)), late_s=4 * 365 * 86400.0)) == {0}


def test_a_reading_without_a_time_of_its_own_has_no_clock(site: Site) -> None:
    batch = Batch()
    batch.messages.append(Message("t", b"", START))
    batch.starts.append(0)
    batch.add_one(Decoded(*INLET, START, 22.0, 0))
    Watch(site, 600.0).judge(batch)
    assert batch.readings[0].status == 0


def test_a_late_reading_does_not_undo_what_is_known(site: Site) -> None:
    watch = Watch(site)
    judged(watch, stream([22.0] * 3))
    late = Decoded(*INLET, START - timedelta(minutes=5), 35.0, 0)
    assert marks(watch, [late]) == [0]
    assert marks(watch, stream([35.0], start=START + timedelta(seconds=30))) == [RATE]


@pytest.mark.parametrize("seed", range(8))
def test_all_at_once_is_the_same_as_one_by_one(
    site: Site, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)  # noqa: S311
    keys = [("rack-1", "inlet_temperature"), ("crah-1", "power"), ("room", "relative_humidity")]
    usual = {"inlet_temperature": 22.0, "power": 3000.0, "relative_humidity": 0.5}
    readings, now, last = [], START, dict.fromkeys(keys, 0.0)
    for _ in range(4000):
        now += timedelta(seconds=rng.choice([1, 10, 10, 10, 60]))
        key = rng.choice(keys)
        value = usual[key[1]] * (1 + round(rng.gauss(0, 0.01), 5))
        kind = rng.random()
        if (now.timestamp() // 20_000) % 2:
            value = last[key]  # a sensor that stands still for hours, then moves again
        elif kind > 0.99:
            value = rng.choice([0.0, 1000 * value, value + 30.0])
        last[key] = value
        time = now - timedelta(seconds=rng.choice([0, 0, 0, 0, 0, 0, 0, 30, 4000]))
        readings.append(Decoded(*key, time, value, 0 if rng.random() < 0.99 else int(Status.BAD)))
    fast = Watch(site)
    at_once = judged(fast, readings, size=97)
    monkeypatch.setattr("ingest.watch._advance", lambda state, *_: np.ones(len(state), dtype=bool))
    slow = Watch(site)
    assert at_once == judged(slow, readings, size=97)
    assert fast.counts == slow.counts
    assert {"rate", "flat"} <= set(fast.counts)

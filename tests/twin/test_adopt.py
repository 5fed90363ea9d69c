"""Bad data in the database never replace a good calibration: job and command mask them, or keep what is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measured import START, TRUTH, history, store

from core import db
from core.clock import ManualClock
from core.errors import InputError, JoulecastError, NotReadyError
from core.jobs import Context
from core.settings import Settings
from joulecast.verbs.twin import calibrate as calibrate_verb
from twin.adopt import _is_worse, adopt
from twin.calibrate import Calibration, calibrate, latest, load_points, save
from twin.jobs import calibrate_site

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.site import Site
    from twin.history import History
    from twin.plant.curves import Floats

DAYS = 8
NOW = START + timedelta(days=DAYS)
YESTERDAY = NOW - timedelta(days=1)
VALUE = "UPDATE reading SET value = {} FROM point AS p WHERE reading.point_id = p.point_id"
"""Spoil readings of a point."""


@pytest.fixture(scope="module")
def measured(site: Site) -> History:
    return history(site, DAYS)


@pytest.fixture(scope="module")
def good(site: Site, measured: History) -> Calibration:
    return calibrate(site, measured, created_at=YESTERDAY)


@pytest.fixture
def context(dsn: str, site: Site, measured: History, good: Calibration) -> Context:
    """Eight days of readings and a good calibration of the day before."""
    with db.connect(dsn) as conn:
        store(conn, site, measured)
        save(conn, site, good)
    return Context(Settings(dsn=dsn), site, ManualClock(NOW), dsn)


def in_use(context: Context) -> Calibration:
    with db.connect(context.dsn) as conn:
        found = latest(conn, context.site)
    assert found is not None
    return found


def spoil(context: Context, new_value: str, asset: str, begin: datetime = START, end: datetime = NOW) -> None:
    with db.connect(context.dsn) as conn:
        done = conn.execute(
            VALUE.format(new_value) + " AND p.asset_id || '/' || p.name LIKE %s AND time >= %s AND time < %s",
            (f"{asset}%", begin, end),
        )
    assert done.rowcount > 0


def is_good(found: Calibration, good: Calibration) -> bool:
    """Whether a calibration predicts what the one on clean data predicts, within a few percent."""
    same = all(
        found.multipliers[name] == pytest.approx(good.multipliers[name], rel=0.05)
        for name in ("ups_loss", "chiller_power", "pump", "tower_fan")
    )
    error = found.errors["facility_kw"]
    return same and error.cv_rmse_ratio < 1.1 * good.errors["facility_kw"].cv_rmse_ratio


def test_good_data_give_a_new_calibration_and_say_both_errors(context: Context, good: Calibration) -> None:
    before = in_use(context)
    said = calibrate_site(context)
    after = in_use(context)
    assert after.calibration_id != before.calibration_id
    assert f"(calibration {before.calibration_id}: {good.errors['facility_kw'].cv_rmse_ratio:.1%})" in said
    assert "left out" not in said
    assert after.held_out_from == START + timedelta(days=DAYS * 3 / 4)
    assert after.steps_effective is not None
    assert 500 < after.steps_effective < DAYS * 96 * 3 / 4


DAY = (START + timedelta(days=3), START + timedelta(days=4))


@pytest.mark.parametrize(
    ("asset", "new_value", "point", "what"),
    [
        ("weather/wet", "7.0", "weather/wet_bulb_temperature", "stuck"),
        ("rack-1", "value * 1.8 + 32", "rack-1/inlet_temperature", "degF read as degC"),
        ("weather", "value * 1.8 + 32", "weather/wet_bulb_temperature", "degF read as degC"),
        ("chiller-1", "value / 1000", "chiller-1/power", "kW read as W"),
        ("utility", "value / 1000", "utility/facility_power", "kW read as W"),
        ("ups", "'NaN'", "ups/power", "gap"),
    ],
)
def test_bad_hours_are_masked_and_said_and_what_comes_of_it_is_as_good(
    context: Context, good: Calibration, asset: str, new_value: str, point: str, what: str
) -> None:
    if what == "gap":
        with db.connect(context.dsn) as conn:
            conn.execute(
                "DELETE FROM reading USING point AS p WHERE reading.point_id = p.point_id AND p.asset_id = %s"
                " AND time >= %s AND time < %s",
                (asset, *DAY),
            )
    else:
        spoil(context, new_value, asset, *DAY)
    said = calibrate_site(context)
    assert f"{point} {what} 2026-01-13 00:00 to 2026-01-14 00:00 UTC (96 steps)" in said
    found = in_use(context)
    assert is_good(found, good)
    assert (point, what, 96, "masked") in {(f.point, f.what, f.steps, f.action) for f in found.findings}


@pytest.mark.parametrize(
    ("asset", "new_value", "error", "words"),
    [
        ("rack-1", "value * 1.8 + 32", InputError, ["rack-1/inlet_temperature", "degF read as degC"]),
        ("utility", "value / 1000", InputError, ["utility/facility_power", "kW read as W"]),
        ("chw-pump", "value * 1000", InputError, ["chw-pump/power", "W read as kW"]),
        ("pdu", "600000", NotReadyError, ["pdu/it_power stuck", "stays in use"]),
    ],
)
def test_what_is_bad_throughout_leaves_the_calibration_in_use(
    context: Context, asset: str, new_value: str, error: type[JoulecastError], words: list[str]
) -> None:
    before = in_use(context)
    spoil(context, new_value, asset)
    with pytest.raises(error) as raised:
        calibrate_site(context)
    for word in words:
        assert word in str(raised.value)
    assert in_use(context) == before


def local_times_without_offset(measured: History, values: Floats, zone: ZoneInfo) -> Floats:
    """What stands on the UTC grid of a device that says the wall's time and is taken to be at one offset."""
    taken_for = measured.start.astimezone(zone).utcoffset()
    assert taken_for is not None
    found = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        true = measured.start + measured.step * i
        stamped = true.astimezone(zone).replace(tzinfo=UTC) - taken_for
        index = (stamped - measured.start) // measured.step
        if 0 <= index < len(found) and np.isnan(found[index]):
            found[index] = value
    return found


@pytest.mark.parametrize(
    ("changed_at", "what"),
    [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), "an hour late"),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), "an hour early"),
    ],
)
def test_the_day_the_clocks_change_leaves_a_good_calibration(
    dsn: str, site: Site, measured: History, good: Calibration, changed_at: datetime, what: str
) -> None:
    moved = replace(measured, start=changed_at - timedelta(days=4, hours=1))
    values = local_times_without_offset(moved, moved.facility_kw, site.zone)
    with db.connect(dsn) as conn:
        store(conn, site, replace(moved, facility_kw=values))
        number = save(conn, site, good)
        history = load_points(conn, site, moved.start, moved.end, moved.step)
        adopted = adopt(conn, site, history, moved.end)
    assert adopted.before is not None
    assert adopted.before.calibration_id == number
    assert f"utility/facility_power {what}" in str(adopted)
    found = [f for f in adopted.calibration.findings if f.what == what]
    assert {f.point for f in found} == {"utility/facility_power"}
    assert abs(found[0].start - changed_at) <= timedelta(hours=12)
    assert found[-1].end >= moved.end - timedelta(hours=1)
    assert is_good(adopted.calibration, good)


def test_worse_is_beyond_the_margin_and_beyond_noise() -> None:
    rng = np.random.default_rng(0)
    hours, noise = np.arange(960) / 4, rng.normal(0, 1, 960)
    assert not _is_worse(noise, rng.normal(0, 1, 960), hours)
    assert not _is_worse(noise, 1.04 * noise, hours)
    assert _is_worse(noise, 1.2 * noise, hours)
    once = noise.copy()
    once[400:410] += 6.0
    assert not _is_worse(noise, once, hours)


def test_a_worse_calibration_is_refused_with_both_errors(
    dsn: str, site: Site, measured: History, good: Calibration
) -> None:
    # what no screening can see: for six days the chillers' meter and the facility's read a fifth too much
    off = np.where(np.arange(len(measured)) < 6 * 96, 0.2, 0.0) * measured.chiller_kw
    biased = replace(measured, chiller_kw=measured.chiller_kw + off, facility_kw=measured.facility_kw + off)
    with db.connect(dsn) as conn:
        number = save(conn, site, good)
        with pytest.raises(NotReadyError) as raised:
            adopt(conn, site, biased, NOW)
        assert latest(conn, site) == replace(good, calibration_id=number)
    for words in (
        f"worse on facility power than calibration {number}",
        f"against {good.errors['facility_kw'].cv_rmse_ratio:.1%}",
        f"calibration {number} stays in use",
    ):
        assert words in str(raised.value)


def test_noise_is_no_reason_to_refuse(dsn: str, site: Site, measured: History, good: Calibration) -> None:
    part = measured.part(slice(0, 6 * 96))
    with db.connect(dsn) as conn:
        save(conn, site, good)
        adopted = adopt(conn, site, part, NOW)
    assert adopted.calibration.multipliers["pump"] == pytest.approx(TRUTH["pump"], rel=0.05)
    assert adopted.cv_rmse_before_ratio == pytest.approx(
        adopted.calibration.errors["facility_kw"].cv_rmse_ratio, rel=0.05
    )


def test_the_command_masks_and_keeps_like_the_job(
    context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOULECAST_DSN", context.dsn)
    monkeypatch.setenv("JOULECAST_CLOCK", f"{datetime.now(UTC).isoformat()}/{NOW.isoformat()}/1.0")
    before = in_use(context)
    spoil(context, "value / 1000", "chiller-1", *DAY)
    calibrate_verb(days=DAYS, json=True)
    said = json.loads(capsys.readouterr().out)
    found = in_use(context)
    assert said["calibration_id"] == found.calibration_id
    assert said["calibration_id_before"] == before.calibration_id
    assert said["findings"] == [finding.to_json() for finding in found.findings]
    assert said["findings"][0]["point"] == "chiller-1/power"
    spoil(context, "value / 1000", "utility")
    with pytest.raises(InputError, match="utility/facility_power"):
        calibrate_verb(days=DAYS, json=True)
    assert in_use(context) == found

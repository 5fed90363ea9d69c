"""How wide intervals should have been, by the promises that were measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core import db
from core.actions import Setpoint
from twin.advise import brief
from twin.advise.promise import SCALE_MAX, SCALE_MIN, VERIFIED_MIN, Promise, interval_scale
from twin.advise.record import read_record

if TYPE_CHECKING:
    from seeded import SeededPlant

    from core.clock import ManualClock
    from core.site import Site

Z = 1.2815515655446004


def promised(error_kw: float, half_kw: float = 1.0, measured_kw: float = 0.1, scale: float = 1.0) -> Promise:
    """One of 10 kW."""
    found = 10.0 + error_kw
    return Promise(
        1,
        Setpoint.SUPPLY_AIR_TEMPERATURE,
        (10.0 - half_kw, 10.0, 10.0 + half_kw),
        (found - measured_kw, found, found + measured_kw),
        shadow=False,
        scale=scale,
    )


def drawn(count: int, sd_kw: float, half_kw: float = 1.0, measured_kw: float = 0.1) -> list[Promise]:
    """So many whose errors have that standard deviation, the measurement's own beside."""
    rng = np.random.default_rng(3)
    errors = rng.normal(0.0, np.hypot(sd_kw, measured_kw / Z), count)
    return [promised(float(error), half_kw, measured_kw) for error in errors]


def test_few_savings_leave_the_interval_as_it_is() -> None:
    assert interval_scale(()) == 1.0
    assert interval_scale(drawn(VERIFIED_MIN - 1, 9.0)) == 1.0


@pytest.mark.parametrize(("sd_kw", "truth"), [(0.5, 0.5 * Z), (1 / Z, 1.0), (1.5, 1.5 * Z)])
def test_many_make_eight_in_ten_covered(sd_kw: float, truth: float) -> None:
    found = drawn(4000, sd_kw)
    scale = interval_scale(found)
    assert scale == pytest.approx(truth, rel=0.06)
    wider = [replace(p, promised_kw=(10 - scale, 10, 10 + scale)) for p in found]
    assert np.mean([p.covered for p in wider]) == pytest.approx(0.8, abs=0.02)


def test_it_is_drawn_to_one_the_less_is_known() -> None:
    scales = [interval_scale(drawn(n, 1.5)) for n in (20, 60, 2000)]
    assert 1.0 < scales[0] < scales[2]
    alike = [promised(1.9)] * 40
    assert interval_scale(alike) == pytest.approx(1.9 ** (40 / 60), rel=0.01)
    noisy = [promised(4.0, measured_kw=3.0)] * 40  # a tenth of that error is the promise's
    assert 1.0 < interval_scale(noisy) < 1.2


def test_it_stays_within_bounds() -> None:
    assert interval_scale([promised(1e6, measured_kw=0.0)] * 10**4) == pytest.approx(SCALE_MAX, rel=0.01)
    assert interval_scale([promised(0.0, measured_kw=0.0)] * 10**4) == pytest.approx(SCALE_MIN, rel=0.01)
    assert interval_scale([promised(1.0, half_kw=0.0)] * 100) == 1.0


def test_what_was_widened_already_is_not_widened_twice() -> None:
    plain = [promised(1.9)] * 100
    widened = [promised(1.9, half_kw=2.0, scale=2.0)] * 100
    assert [p.needed for p in widened] == pytest.approx([p.needed for p in plain])


def verified(dsn: str, site: Site, clock: ManualClock, count: int, error_kw: float, scale: float) -> None:
    """So many savings of 10 kW on record, promised within 1 kW times the scale, each off by as much."""
    now = clock.now() - timedelta(days=9)
    with db.connect(dsn) as conn:
        for _ in range(count):
            row = conn.execute(
                "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective,"
                " saving_p10_kw, saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
                " VALUES (%s, %s, %s, %s, 'facility_energy', %s, 10, %s, '{}', %s, '[]', '{}')"
                " RETURNING recommendation_id",
                (
                    site.id,
                    now,
                    now,
                    db.json([{"setpoint": "supply_air_temperature", "from_c": 22, "to_c": 23}]),
                    10 - scale,
                    10 + scale,
                    db.json({"interval_scale": scale} if scale != 1 else {}),
                ),
            ).fetchone()
            assert row is not None
            hours, found = 2, 10 + error_kw
            db.rows(
                conn, "advice_insert_verification", id=row["recommendation_id"], period_from=now,
                period_to=now + timedelta(hours=hours), measured=1000, counterfactual=1000 + hours * found,
                p10=hours * (found - 0.1), p50=hours * found, p90=hours * (found + 0.1), cost=None,
                carbon=None, water=0, detail=db.json({}), now=now,
            )  # fmt: skip


def test_the_record_has_it_and_cards_say_so(
    dsn: str, site: Site, clock: ManualClock, plant: SeededPlant
) -> None:
    assert plant.site is site
    with db.connect(dsn) as conn:
        before = brief.gather(conn, site, clock)
    assert (before.record.interval_scale, before.record.verified) == (1.0, 0)
    verified(dsn, site, clock, 30, 2.0, scale=1.0)
    verified(dsn, site, clock, 30, 2.0, scale=2.0)
    with db.connect(dsn) as conn:
        record = read_record(conn, site, clock.now())
        seen = brief.gather(conn, site, clock)
    assert record.verified == 60
    assert record.interval_scale == pytest.approx(2.0 ** (60 / 80), rel=0.01)
    assert seen.sources_json()["interval_savings"] == 60
    assert seen.sources_json()["interval_scale"] == record.interval_scale
    found = brief.advise(before)
    assert not isinstance(found, str)
    narrow, wide = (one.assess((found.change,)) for one in (before, seen))
    assert wide.benefit.p50_kw == pytest.approx(narrow.benefit.p50_kw)
    assert wide.benefit.p50_kw - wide.benefit.p10_kw == pytest.approx(
        record.interval_scale * (narrow.benefit.p50_kw - narrow.benefit.p10_kw)
    )
    assert seen.prediction_json(wide)["interval_scale"] == record.interval_scale

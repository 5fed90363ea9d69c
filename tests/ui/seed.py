"""A plausible plant's readings, forecasts and recommendations, written straight into a test's own database.

The numbers are made by simple formulas and stand for nothing; tests compare pages with what is written here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg import sql

from core import db
from core.actions import Setpoint
from core.points import PointRef, point_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.site import Site

IT_W = 620_000.0
STEP = timedelta(minutes=1)
SHARES = {"chiller": 0.055, "crah_fan": 0.0125, "pump": 0.011, "tower_fan": 0.009}
FORECAST_STEP = timedelta(minutes=15)
QUANTILES = {"q05": -1.6, "q10": -1.3, "q25": -0.7, "q50": 0.0, "q75": 0.7, "q90": 1.3, "q95": 1.6}


def it_w(time: datetime) -> float:
    """IT power [W]: a day's wave and a ripple."""
    hours = time.timestamp() / 3600
    return IT_W * (1 + 0.12 * math.sin((hours - 9) * math.pi / 12) + 0.02 * math.sin(hours * 7))


def values(site: Site, time: datetime) -> dict[str, float]:
    """Every named point's value at a time [canonical unit]."""
    load = it_w(time)
    found: dict[str, float] = {}
    meters, sensors = site.meters, site.sensors
    for name, share in SHARES.items():
        for ref in getattr(meters, name):
            found[str(ref)] = load * share * (1 + 0.03 * math.sin(time.timestamp() / 1800))
    cooling = sum(found.values())
    found |= {str(ref): load for ref in meters.it}
    found |= {str(ref): load * 1.055 for ref in meters.ups_input}
    found |= {str(ref): load * 1.055 + cooling + 9000 for ref in meters.facility}
    for i, ref in enumerate(sensors.rack_inlet):
        found[str(ref)] = 22.5 + 0.45 * i + 0.3 * math.sin(time.timestamp() / 900 + i)
    for name, value in (
        ("supply_air", 20.4),
        ("return_air", 33.1),
        ("chilled_water_supply", 9.1),
        ("chilled_water_return", 15.2),
        ("condenser_water_supply", 22.0),
        ("dry_bulb", 11.3 + 2.5 * math.sin(time.timestamp() / 13_000)),
        ("wet_bulb", 8.7 + 1.5 * math.sin(time.timestamp() / 13_000)),
    ):
        found[str(getattr(sensors, name))] = value
    found |= {str(ref): 1.0 for ref in sensors.chillers_running}
    for setpoint, value in (
        ("supply_air_temperature", 20.0),
        ("chilled_water_supply_temperature", 9.0),
        ("condenser_water_supply_temperature", 22.0),
    ):
        found[str(site.setpoints[setpoint].point)] = value  # type: ignore[index]  # StrEnum equals its text
    return found


def points(conn: db.Connection, site: Site) -> dict[str, int]:
    """Register every point that the site names; ids by ``asset/point``."""
    for ref in site.refs():
        kind = point_type(ref.point)
        db.rows(
            conn,
            "register_point",
            site=site.id,
            asset=ref.asset,
            name=ref.point,
            unit=kind.unit,
            role=str(kind.role),
            state_class=str(kind.state_class),
            source="seed",
        )
    found = db.rows(conn, "point_ids", site=site.id, refs=[str(ref) for ref in site.refs()])
    return {row["ref"]: row["point_id"] for row in found}


def readings(conn: db.Connection, site: Site, start: datetime, end: datetime, step: timedelta = STEP) -> int:
    """Write readings of every point from start to end; how many."""
    ids, count, time = points(conn, site), 0, start
    with conn.cursor() as cursor, cursor.copy("COPY reading (time, value, point_id) FROM STDIN") as copy:
        while time <= end:
            for ref, value in values(site, time).items():
                copy.write_row((time, value, ids[ref]))
                count += 1
            time += step
    conn.execute(
        "INSERT INTO reading_latest SELECT DISTINCT ON (point_id) point_id, time, value, status FROM reading"
        " ORDER BY point_id, time DESC ON CONFLICT (point_id) DO UPDATE"
        " SET time = excluded.time, value = excluded.value, status = excluded.status"
    )
    return count


def one_reading(conn: db.Connection, site: Site, ref: PointRef, time: datetime, value: float) -> None:
    """Write one new reading, as the writer would."""
    point = points(conn, site)[str(ref)]
    conn.execute("INSERT INTO reading (time, value, point_id) VALUES (%s, %s, %s)", (time, value, point))
    conn.execute("UPDATE reading_latest SET time = %s, value = %s WHERE point_id = %s", (time, value, point))


def forecasts(
    conn: db.Connection, site: Site, issued: datetime, model: str, error: float, version: int | None = None
) -> None:
    """Write one issue of a model for both targets: truth times (1 + error), 24 h of quarter hours."""
    first = datetime.fromtimestamp(issued.timestamp() // 900 * 900, UTC)
    for target, share in (("it_power", 1.0), ("cooling_power", 0.204)):
        for i in range(96):
            valid = first + i * FORECAST_STEP
            middle = it_w(valid + FORECAST_STEP / 2) * share * (1 + error * math.sin(i + 1))
            spread = middle * (0.01 + 0.0006 * i)
            row: dict[str, Any] = {name: middle + k * spread for name, k in QUANTILES.items()}
            conn.execute(
                "INSERT INTO forecast VALUES (%s, %s, %s, %s, %s, 900, %s, %s, %s, %s, %s, %s, %s, %s)",
                (site.id, target, model, issued, valid, *row.values(), version),
            )


def model_version(conn: db.Connection, site: Site, target: str, at: datetime) -> int:
    """Register a champion; its id."""
    card = {
        "model": "lstm",
        "explanation": {"like yesterday": 0.62, "like a week ago": 0.25, "as it is now": 0.13},
        "metrics": {
            "lstm": {"mase": 0.652, "wql": 0.0381},
            "seasonal_naive": {"mase": 0.981, "wql": 0.0604},
        },
        "held_out": {
            "from": (at - timedelta(days=6)).isoformat(),
            "to": at.isoformat(),
            "forecasts": 40,
        },
        "observed_ratio": 0.998,
        "promoted": True,
        "reason": "there was no champion",
    }
    row = conn.execute(
        "INSERT INTO model_version (site_id, target, model, status, trained_at, data_from, data_to, card)"
        " VALUES (%s, %s, 'lstm', 'champion', %s, %s, %s, %s) RETURNING model_version_id",
        (site.id, target, at, at - timedelta(days=30), at, db.json(card)),
    ).fetchone()
    assert row is not None
    return int(row["model_version_id"])


LEADS = {900: ("0-1 h", "1-6 h", "6-24 h"), 3600: ("0-1 h", "1-6 h", "6-24 h", "1-7 d")}
ERRORS = {"ensemble": 0.8, "twin": 0.6, "lstm": 0.9, "seasonal_naive": 1.0, "persistence": 1.6}
"""Mean absolute error of the made scores by model [share of 10 kW]."""
HELD = {"ensemble": 0.81, "twin": 0.8, "lstm": 0.7, "seasonal_naive": 0.9, "persistence": 0.5}
"""Share of the truth in the 80 % band."""
NOTE: dict[str, Any] = {
    "members": {"lstm": 0.5, "mstl": 0.5},
    "left_out": {"seasonal_naive": "pinball 31 % above the best over 14 days"},
    "quality": {"state": "good", "reason": "complete and moving"},
    "leans_on": {"like yesterday": 0.7, "like a week ago": 0.2, "as it is now": 0.1},
    "drivers": {"recent load": 0.5, "calendar": 0.3, "weather": 0.12, "scheduled jobs": 0.08},
}


def one_issue(
    conn: db.Connection, site: Site, issued: datetime, model: str, target: str, step_s: int, steps: int
) -> None:
    """Write one issue of a model on a grid: truth times 1.01, a band that widens."""
    share = {"it_power": 1.0, "cooling_power": 0.204}.get(target, 0.3)
    first = datetime.fromtimestamp(issued.timestamp() // step_s * step_s, UTC)
    rows = []
    for i in range(steps):
        valid = first + i * timedelta(seconds=step_s)
        middle = it_w(valid + timedelta(seconds=step_s / 2)) * share * 1.01
        spread = middle * (0.01 + 0.05 * i / steps)
        values = (middle + k * spread for k in QUANTILES.values())
        rows.append((site.id, target, model, issued, valid, step_s, *values))
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO forecast VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL)", rows
        )


def note(
    conn: db.Connection, site: Site, issued: datetime, target: str, step_s: int, **more: Any
) -> dict[str, Any]:
    """Write what stands behind an ensemble's issue, with its days."""
    days = [(issued + timedelta(days=i)).date() for i in range(1 if step_s == 900 else 7)]
    energy = [{"day": f"{day}", "q10": 14_100.0, "q50": 14_880.0, "q90": 15_600.0} for day in days]
    peaks = [
        {"day": f"{day}", "q10": 660.0, "q50": 690.0, "q90": 712.0, "at": f"{day}T14:15:00+00:00"}
        for day in days
    ]
    said = {**NOTE, "day_energy_kwh": energy, "day_peak_kw": peaks, **more}
    conn.execute(
        "INSERT INTO forecast_note VALUES (%s, %s, %s, 'ensemble', %s, %s)",
        (site.id, target, step_s, issued, db.json(said)),
    )
    return said


def scores(
    conn: db.Connection, site: Site, target: str, step_s: int, now: datetime, days: int = 14, **errors: float
) -> None:
    """Write hourly sums of scores of the last days; errors by model, as `ERRORS` where none are named."""
    for model, error in (errors or ERRORS).items():
        for i, lead in enumerate(LEADS[step_s]):
            conn.execute(
                "INSERT INTO forecast_score SELECT %s, %s, %s, %s, h, %s, 40, 40 * e, 40 * e * e, 12 * e,"
                " round(40 * %s), 40 * 3 * e, 40 * 6e5"
                " FROM generate_series(date_trunc('hour', %s::timestamptz) - make_interval(days => %s),"
                " date_trunc('hour', %s::timestamptz) - interval '1 hour', interval '1 hour') AS h"
                " CROSS JOIN LATERAL"
                " (SELECT 1e4 * %s * (1 + 0.2 * sin(extract(epoch FROM h) / 2e5)) AS e) AS e",
                (
                    site.id,
                    target,
                    step_s,
                    model,
                    lead,
                    HELD.get(model, 0.8),
                    now,
                    days,
                    now,
                    error * (1 + i / 4),
                ),
            )


def choice(conn: db.Connection, site: Site, target: str, step_s: int, at: datetime, model: str) -> None:
    """Write which model counts."""
    conn.execute(
        "INSERT INTO forecast_choice VALUES (%s, %s, %s, %s, %s, %s)",
        (site.id, target, step_s, at, model, "pinball 2.4 kW over 14 days, the least of 5"),
    )


def alarm(conn: db.Connection, site: Site, source: str, at: datetime) -> None:
    """Raise an alarm of the forecaster."""
    conn.execute(
        "INSERT INTO alarm (site_id, source, priority, message, action, raised_at)"
        " VALUES (%s, %s, 3, 'forecast of it power has drifted and retraining did not help', %s, %s)",
        (site.id, source, "check the meters that the forecast starts from", at),
    )


def forecaster(conn: db.Connection, site: Site, now: datetime) -> datetime:
    """What a forecaster leaves of both targets on both grids; when its newest issues were made."""
    issued = datetime.fromtimestamp(now.timestamp() // 900 * 900, UTC)
    models = {"it_power": ("ensemble", "lstm"), "cooling_power": ("ensemble", "twin", "lstm")}
    for target, names in models.items():
        for step_s, steps in ((900, 96), (3600, 168)):
            for model in (*names, "seasonal_naive"):
                one_issue(conn, site, issued, model, target, step_s, steps)
            note(conn, site, issued, target, step_s)
            scored = {name: ERRORS[name] for name in (*names, "seasonal_naive", "persistence")}
            scores(conn, site, target, step_s, now, **scored)
            choice(conn, site, target, step_s, now - timedelta(hours=6), names[-2])
    return issued


def recommendation(
    conn: db.Connection, site: Site, at: datetime, to_c: float = 21.0, authority: str = "supervised"
) -> int:
    """Propose raising the supply air setpoint; its id."""
    changes = [{"setpoint": "supply_air_temperature", "from_c": 20.0, "to_c": to_c}]
    verdicts = [
        {"gate": "fresh_data", "ok": True, "reason": "oldest reading is 4 s old, at most 120 s allowed"},
        {"gate": "inlet_limit", "ok": True, "reason": "worst inlet 26.3 °C with its error, limit 27.0 °C"},
        {"gate": "step", "ok": True, "reason": "1.0 K, at most 1.0 K"},
        {"gate": "hold", "ok": True, "reason": "last change 5 h ago, at least 30 min"},
    ]
    prediction = {
        "facility_kw_before": 790.1,
        "facility_kw_after": 781.7,
        "it_kw": 623.0,
        "worst_inlet_c": 26.3,
        "inlet_limit_c": 27.0,
        "n1_inlet_c": 29.9,
        "n1_limit_c": 31.0,
        "dew_point_c": 11.2,
        "dew_point_limit_c": 15.0,
        "pue_before": 1.268,
        "pue_after": 1.255,
        "horizon_h": 24.0,
        "water_l_per_h": -14.0,
        "beyond_error_ratio": 0.72,
        "worth_interval": {"unit": "EUR/h", "p10": 0.7, "p50": 1.1, "p90": 1.4, "without": 101.0},
    }
    blocks = [
        {
            "start": (at + timedelta(hours=4 * i)).isoformat(),
            "hours": 4.0,
            "chillers": 1 + i % 2,
            "economizer": i < 3,
            "saving_kw": 8.0 + i,
            "held_by": "worst inlet" if i == 2 else "",
            "relaxed_kw": 1.6 if i == 2 else 0.0,
            "setpoints": {
                "supply_air_temperature": 21.0 + i % 2,
                "chilled_water_supply_temperature": 9.0 + i / 2,
                "condenser_water_supply_temperature": 22.0 - i / 2,
            },
        }
        for i in range(6)
    ]
    attribution = {"chiller": 9.4, "crah_fan": -1.6, "pump": 0.4, "tower_fan": 0.2}
    rule = {"changes": [{**changes[0], "to_c": 20.5}], "saving_p50_kw": 4.1}
    row = conn.execute(
        "INSERT INTO recommendation (site_id, created_at, expires_at, changes, objective, saving_p10_kw,"
        " saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule, authority, due_at, plan)"
        " VALUES (%s, %s, %s, %s, 'facility_energy', 6.1, 8.4, 10.2, %s, %s, %s, %s, %s, %s, %s)"
        " RETURNING recommendation_id",
        (
            site.id,
            at,
            at + timedelta(minutes=45),
            db.json(changes),
            db.json(attribution),
            db.json(prediction),
            db.json(verdicts),
            db.json(rule),
            authority,
            at + timedelta(minutes=45),
            db.json({"saving_kwh": 252.0, "blocks": blocks}),
        ),
    ).fetchone()
    assert row is not None
    number = int(row["recommendation_id"])
    behind = {
        "calibration_id": 3,
        "forecast_model": "ensemble",
        "forecast_issued_at": (at - timedelta(minutes=10)).isoformat(),
        "weather_source": "open-meteo",
        "data_at": at.isoformat(),
    }
    conn.execute(
        "INSERT INTO recommendation_event (recommendation_id, at, to_state, actor, reason, detail)"
        " VALUES (%s, %s, 'proposed', 'joulecast', '8.4 kW expected', %s)",
        (number, at, db.json(behind)),
    )
    return number


def transition(conn: db.Connection, of: int, to: str, at: datetime, actor: str, reason: str) -> None:
    """Move a recommendation on, the way the database allows."""
    done = conn.execute(
        "SELECT transition(%s, %s, NULL, %s, %s, %s, '{}', %s) AS done",
        (of, to, at, actor, reason, at + timedelta(hours=20)),
    ).fetchone()
    assert done is not None
    assert done["done"]


TO_HOLDING = ("accepted", "precheck", "queued", "sent", "acked", "applied", "holding")


def held(conn: db.Connection, site: Site, at: datetime, now: datetime) -> int:
    """A recommendation that the plant follows under a lease, verified, with its days' account; its id."""
    of = recommendation(conn, site, at)
    point = site.setpoints[Setpoint.SUPPLY_AIR_TEMPERATURE].point
    for i, state in enumerate(TO_HOLDING):
        transition(conn, of, state, at + timedelta(seconds=5 * i), "Ann Operator", "as shown")
        if state == "precheck":
            conn.execute(
                "INSERT INTO command (command_id, recommendation_id, site_id, asset_id, point, value,"
                " previous_value, created_at, expires_at, state, sent_at, acknowledged_at, applied_at)"
                " VALUES (gen_random_uuid(), %s, %s, %s, %s, 21, 20, %s, %s, 'applied', %s, %s, %s)",
                (of, site.id, point.asset, point.point, at, at + timedelta(minutes=15), at, at, at),
            )
    conn.execute(
        "INSERT INTO lease (site_id, asset_id, point, recommendation_id, value, own_value, taken_at,"
        " renewed_at, expires_at) VALUES (%s, %s, %s, %s, 21, 20, %s, %s, %s)",
        (site.id, point.asset, point.point, of, at, now, now + timedelta(minutes=14)),
    )
    conn.execute(
        "INSERT INTO verification (recommendation_id, period_from, period_to, measured_kwh,"
        " counterfactual_kwh, saving_p10_kwh, saving_p50_kwh, saving_p90_kwh, created_at)"
        " VALUES (%s, %s, %s, 780, 788, 5.5, 8, 10.5, %s)",
        (of, at + timedelta(minutes=15), at + timedelta(minutes=75), now),
    )
    for back in range(3):
        day = (now - timedelta(days=back)).date()
        conn.execute(
            "INSERT INTO saving_day VALUES"
            " (%s, %s, %s, %s, 18500, 150, 182, 214, 31.5, 60, -340, 0.97, 1, 3, %s)",
            (site.id, day, now - timedelta(days=back + 1), now - timedelta(days=back), now),
        )
    return of


@dataclass(frozen=True)
class Seeded:
    """What a whole seeded database holds."""

    proposed: int
    rejected: int


def everything(
    dsn: str, site: Site, now: datetime, back: timedelta = timedelta(hours=30), step: timedelta = STEP
) -> Seeded:
    """Readings, forecasts with their past issues, model versions, recommendations, jobs, counters."""
    with db.connect(dsn) as conn:
        readings(conn, site, now - back, now, step)
        version = model_version(conn, site, "it_power", now - timedelta(hours=9))
        model_version(conn, site, "cooling_power", now - timedelta(hours=9))
        for hours in (20, 12, 6, 1, 0):
            issued = now - timedelta(hours=hours, minutes=2)
            forecasts(conn, site, issued, "lstm", 0.012, version)
            forecasts(conn, site, issued, "seasonal_naive", 0.03)
            forecasts(conn, site, issued, "persistence", 0.05)
        rejected = recommendation(conn, site, now - timedelta(hours=7))
        transition(
            conn, rejected, "rejected", now - timedelta(hours=6.8), "M. Jansen", "filters are changed today"
        )
        proposed = recommendation(conn, site, now - timedelta(minutes=4))
        for job, state, detail in (
            ("forecast.issue", "ok", "issued 2 forecasts by 3 models"),
            ("forecast.train", "ok", "trained lstm for it_power on 30 days"),
            ("twin.advise", "ok", f"proposed recommendation {proposed}"),
            ("twin.verify", "not_ready", "nothing was applied yet"),
        ):
            conn.execute(
                "INSERT INTO job_run (job, started_at, ended_at, state, detail) VALUES (%s, %s, %s, %s, %s)",
                (job, now - timedelta(seconds=100), now - timedelta(seconds=96), state, detail),
            )
        conn.execute(
            "INSERT INTO ingest_counter VALUES ('joulecast-ingest', %s, %s, 12053, 12050, 2, 1, 0)",
            (now - timedelta(hours=2), now),
        )
        conn.execute(
            "INSERT INTO reading_rejected VALUES ('\\x01', 'joulecast/demo/rack-9/colour', '\\x7b7d',"
            " 'the catalogue has no point colour', %s, %s, 1)",
            (now - timedelta(hours=1), now - timedelta(hours=1)),
        )
        conn.execute(
            "INSERT INTO ingest_unmapped VALUES (%s, 'tasmota', 'ENERGY.Factor', 'tele/ups/SENSOR', '', '',"
            " '0.97', %s, %s, 12)",
            (site.id, now - timedelta(hours=1), now),
        )
    return Seeded(proposed, rejected)


GPU_BITS = (0x0, 0x1, 0x4, 0x40)
"""What the seeded GPUs say of their clocks, one after another."""


def machines(conn: db.Connection, site: Site, now: datetime) -> None:
    """Write what else a cooling plant tells: heat, speeds, flow, humidity in the hall, weather to come."""
    for ref, value in {
        "chiller-1/cooling_load": 190_000.0,
        "chiller-2/cooling_load": 190_000.0,
        "chw-loop/cooling_load": 380_000.0,
        "economizer/economizer_load": 95_000.0,
        "chw-pump/water_flow": 0.0149,
        "crah-1/fan_speed_ratio": 0.62,
        "hall/relative_humidity": 0.3,
        "weather/relative_humidity": 0.71,
    }.items():
        tell(conn, site, PointRef.parse(ref), now, value)
    for hour in range(26):
        valid = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hour)
        conn.execute(
            "INSERT INTO weather_forecast (site_id, issued_at, available_at, valid_at, dry_bulb_c,"
            " wet_bulb_c) VALUES (%s, %s, %s, %s, %s, %s)",
            (
                site.id,
                now - timedelta(hours=1),
                now - timedelta(minutes=55),
                valid,
                9.0 + 6.0 * math.sin(hour * math.pi / 12),
                6.0 + 4.0 * math.sin(hour * math.pi / 12),
            ),
        )


def tell(conn: db.Connection, site: Site, ref: PointRef, now: datetime, value: float) -> None:
    """Register one more point and write its newest reading."""
    kind = point_type(ref.point)
    row = conn.execute(
        "INSERT INTO point (site_id, asset_id, name, unit, role, state_class, source)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'seed') ON CONFLICT (site_id, asset_id, name)"
        " DO UPDATE SET source = 'seed' RETURNING point_id",
        (site.id, ref.asset, ref.point, kind.unit, str(kind.role), str(kind.state_class)),
    ).fetchone()
    assert row is not None
    conn.execute(
        "INSERT INTO reading_latest VALUES (%s, %s, %s, 0) ON CONFLICT (point_id)"
        " DO UPDATE SET time = excluded.time, value = excluded.value",
        (row["point_id"], now, value),
    )


def gpus(conn: db.Connection, site: Site, now: datetime, count: int, parents: Sequence[str] = ()) -> None:
    """Write what `count` GPUs of 1000 W say: the i-th draws 400 W and i / 2 more, up to its cap of 700 W.

    Args:
        parents: assets that they lie in, by turns; in none where none are named.
    """
    conn.execute("CREATE TEMP TABLE g AS SELECT i FROM generate_series(0, %s - 1) AS i", (count,))
    if parents:
        conn.execute(
            "INSERT INTO asset (site_id, asset_id, brick_class, parent_id, label)"
            " SELECT %s, 'gpu-' || lpad(i::text, 8, '0'), 'Processing_Unit', (%s::text[])[1 + i %% %s], ''"
            " FROM g",
            (site.id, list(parents), len(parents)),
        )
    for name, value in {
        "gpu_power": "least(400 + i / 2.0, 700)",
        "gpu_power_limit": "700",
        "gpu_temperature": "40 + i % 45",
        "gpu_memory_temperature": "50 + i % 40",
        "gpu_clock": "1e6 * (1200 + i % 700)",
        "gpu_memory_clock": "2.6e9",
        "gpu_memory_used": "1073741824.0 * (i % 140)",
        "utilisation": "(i % 101) / 100.0",
        "gpu_throttle_reasons": f"('{{{','.join(map(str, GPU_BITS))}}}'::integer[])[1 + i % 4]",
    }.items():
        kind = point_type(name)
        conn.execute(
            "WITH p AS (INSERT INTO point (site_id, asset_id, name, unit, role, state_class, source)"  # noqa: S608  # our own words
            " SELECT %(site)s, 'gpu-' || lpad(i::text, 8, '0'), %(name)s, %(unit)s, %(role)s, %(state)s, ''"
            f" FROM g RETURNING point_id, asset_id) INSERT INTO reading_latest"
            f" SELECT p.point_id, %(now)s, {value.replace('%', '%%')}, 0 FROM p"
            " INNER JOIN g ON p.asset_id = 'gpu-' || lpad(g.i::text, 8, '0')",
            {
                "site": site.id, "name": name, "unit": kind.unit, "role": str(kind.role),
                "state": str(kind.state_class), "now": now,
            },
        )  # fmt: skip
    conn.execute("DROP TABLE g")
    conn.execute("ANALYZE point, reading_latest")


def breaks_off(dsn: str, table: str) -> None:
    """From now on the database ends every connection that writes into a table."""
    with db.connect(dsn) as conn:
        conn.execute(
            "CREATE OR REPLACE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN new; END $$"
        )
        name = sql.Identifier(table)
        conn.execute(
            sql.SQL("CREATE TRIGGER breaks_off BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION break_off()")
            .format(name)
        )  # fmt: skip

"""Parquet: the same readings as CSV, column by column; what is none is named by its row."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.clock import ManualClock, SystemClock
from core.errors import InputError, ServiceError
from core.points import Status
from ingest import bulk, rows
from ingest.files import open_source
from ingest.history import Imported, import_file, plan_import

if TYPE_CHECKING:
    from pathlib import Path

    from core import db
    from core.site import Site

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

START = datetime(2026, 3, 1, tzinfo=UTC)
MAP = "time=when,it_power=kilowatts:kW,utilisation=load:%"
NO_DATABASE = "host=127.0.0.1 port=1 dbname=none"


def written(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=100)
    return path


def minutes(count: int) -> list[datetime]:
    return [START + timedelta(minutes=i) for i in range(count)]


@pytest.fixture
def meter(tmp_path: Path) -> Path:
    """Three hundred rows with a gap, an infinity, no time, 1970, 9999, and one value out of range."""
    times: list[datetime | None] = [*minutes(300)]
    times[3], times[4] = None, datetime(1970, 1, 1, tzinfo=UTC)
    times[5] = datetime(9999, 1, 1, tzinfo=UTC)
    kilowatts: list[float | None] = [0.1 * i for i in range(300)]
    kilowatts[7], kilowatts[8], kilowatts[9] = None, math.inf, math.nan
    load = [i / 4 for i in range(299)] + [101.0]
    return written(tmp_path / "Rack 7.parquet", when=pa.array(times), kilowatts=kilowatts, load=load)


def stored(conn: db.Connection) -> list[dict[str, Any]]:
    return conn.execute(
        "SELECT n.asset_id, n.name, r.time, r.value, r.status FROM reading AS r"
        " JOIN point AS n USING (point_id) ORDER BY n.asset_id, n.name, r.time"
    ).fetchall()


def counts(done: Imported) -> tuple[int, int, int, int]:
    return done.rows, done.stored, done.duplicate, done.rejected


def test_import_and_again(meter: Path, any_dsn: str, plant: Site) -> None:
    from core import db  # noqa: PLC0415  # the fixture `conn` is for plain PostgreSQL only

    done = import_file(meter, MAP, any_dsn, plant, None, SystemClock())
    assert counts(done) == (300, 297 - 3 + 297, 0, 4)
    assert done.reasons[:2] == ["row 4: time nan cannot be read", "row 9: kilowatts inf is no number"]
    assert [r.split(":")[0] for r in done.reasons[2:]] == ["row 5", "row 6"]
    assert "1970" in done.reasons[2]
    assert "future" in done.reasons[3]
    with db.connect(any_dsn, autocommit=True) as conn:
        before = stored(conn)
        load = [r for r in before if r["name"] == "utilisation"]
        assert (load[-1]["value"], load[-1]["status"]) == (1.01, Status.BAD_OUT_OF_RANGE)
        power = [r for r in before if r["name"] == "it_power"]
        assert (power[-1]["asset_id"], power[-1]["time"]) == ("rack-7", START + timedelta(minutes=299))
        assert power[-1]["value"] == pytest.approx(29_900.0)
        latest = conn.execute("SELECT max(time) AS t FROM reading_latest").fetchone()
        assert latest == {"t": START + timedelta(minutes=299)}
        again = import_file(meter, MAP, any_dsn, plant, None, SystemClock())
        assert counts(again) == (300, 0, 591, 4)
        assert stored(conn) == before


def test_the_same_as_csv(tmp_path: Path, dsn: str, conn: db.Connection, plant: Site) -> None:
    values = [math.sin(i) * 1e4 for i in range(500)]
    path = written(tmp_path / "m.parquet", when=pa.array(minutes(500)), w=values)
    text = "\n".join(f"{t.isoformat()},{v!r}" for t, v in zip(minutes(500), values, strict=True))
    (tmp_path / "m.csv").write_text(f"when,w\n{text}\n", encoding="utf-8")
    assert import_file(path, "time=when,power=w", dsn, plant, None, SystemClock()).stored == 500
    again = import_file(tmp_path / "m.csv", "time=when,power=w", dsn, plant, None, SystemClock())
    assert (again.stored, again.duplicate) == (0, 500)
    assert [r["value"] for r in stored(conn)] == values


def test_readings_need_no_python_object_each(
    meter: Path, dsn: str, plant: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("one by one")

    monkeypatch.setattr(rows, "Decoded", refuse)
    for _ in range(2):
        done = import_file(meter, MAP, dsn, plant, None, SystemClock())
    assert done.duplicate == 591


def test_minutes_to_roll_up_again_are_said(meter: Path, dsn: str, conn: db.Connection, plant: Site) -> None:
    import_file(meter, MAP, dsn, plant, None, SystemClock())
    found = conn.execute("SELECT from_minute, to_minute FROM rollup_dirty ORDER BY from_minute").fetchall()
    assert [(r["from_minute"], r["to_minute"]) for r in found] == [(START, START + timedelta(minutes=300))]


def test_a_longer_file_over_a_shorter_one(
    tmp_path: Path, dsn: str, plant: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "m.parquet", when=pa.array(minutes(900)), w=[1.0] * 900)
    monkeypatch.setattr(bulk, "TRANSACTION_ROWS", 300)
    first = written(tmp_path / "n.parquet", when=pa.array(minutes(450)), w=[1.0] * 450)
    first.rename(tmp_path / "first.parquet")
    assert (
        import_file(tmp_path / "first.parquet", "time=when,m/power=w", dsn, plant, None, SystemClock()).stored
        == 450
    )
    rest = import_file(path, "time=when,m/power=w", dsn, plant, None, SystemClock())
    assert (rest.stored, rest.duplicate) == (450, 450)


@pytest.mark.parametrize(
    "times",
    [
        pa.array(minutes(2), pa.timestamp("ns", "UTC")),
        pa.array(minutes(2), pa.timestamp("s", "Europe/Berlin")),
        pa.array([t.replace(tzinfo=None) for t in minutes(2)], pa.timestamp("ms")),
        pa.array([t.timestamp() for t in minutes(2)]),
        pa.array([int(t.timestamp() * 1000) for t in minutes(2)]),
        pa.array([t.isoformat() for t in minutes(2)]),
        pa.array([str(t.timestamp()) for t in minutes(2)]),
        pa.array([t.isoformat() for t in minutes(2)]).dictionary_encode(),
    ],
    ids=lambda times: str(times.type),
)
def test_times(tmp_path: Path, times: Any) -> None:
    path = written(tmp_path / "m.parquet", when=times, w=[1, 2])
    (chunk,) = open_source(path, "time=when,power=w").chunks(None)
    assert chunk.blocks[0].times == minutes(2)


def test_a_date_is_its_midnight_and_relative_times_need_a_start(tmp_path: Path) -> None:
    path = written(tmp_path / "d.parquet", when=[date(2026, 3, 1)], w=[1.0])
    (chunk,) = open_source(path, "time=when,power=w").chunks(None)
    assert chunk.blocks[0].times == [START]
    path = written(tmp_path / "r.parquet", when=[0.0, 0.5], w=[1.0, 2.0])
    with pytest.raises(InputError, match="--start"):
        plan_import(path, "time=when,power=w", None, SystemClock())
    source = open_source(path, "time=when,power=w")
    (chunk,) = source.chunks(START)
    assert chunk.blocks[0].times == [START, START + timedelta(milliseconds=500)]
    assert source.last_s == 0.5


def test_texts_and_other_numbers(tmp_path: Path) -> None:
    path = written(
        tmp_path / "m.parquet",
        when=pa.array(minutes(4)),
        a=["1.5", "", "much", "0x10"],
        b=pa.array([1, None, 3, 4], pa.int16()),
    )
    (chunk,) = open_source(path, "time=when,x/power=a,y/power=b").chunks(None)
    found = {b.asset: b.values["power"].tolist() for b in chunk.blocks}
    assert found == {"x": [1.5, 16.0], "y": [1.0, 3.0, 4.0]}
    assert [(c.line, c.reason) for c in chunk.bad] == [(3, "a 'much' is no number")]


def test_chunks_are_bounded(tmp_path: Path) -> None:
    path = written(tmp_path / "m.parquet", when=pa.array(minutes(250)), w=[1.0] * 250)
    chunks = list(open_source(path, "time=when,power=w").chunks(None, rows=100))
    assert [c.rows for c in chunks] == [100, 100, 50]
    assert chunks[2].blocks[0].lines[-1] == 250


class TestWrong:
    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("time=when,it_power=watts", "no 'watts'"),
            ("time=then,it_power=w", "no 'then'"),
            ("time=when,it_power=w:furlong", "furlong"),
            ("time=when,it_power=name", "no number"),
            ("time=when,it_power=list", "list"),
            ("time=name,it_power=w", "ISO 8601"),
            ("time=list,it_power=w", "timestamp"),
        ],
    )
    def test_mappings(self, tmp_path: Path, plant: Site, text: str, word: str) -> None:
        path = written(
            tmp_path / "m.parquet", when=pa.array(minutes(2)), w=[1.0, 2.0], name=["a", "b"], list=[[1], [2]]
        )
        with pytest.raises(InputError) as caught:
            import_file(path, text, NO_DATABASE, plant, None, SystemClock())
        assert word in str(caught.value)

    @pytest.mark.parametrize("keep", [0.5, 0.02])
    def test_a_truncated_file_changes_nothing(self, meter: Path, plant: Site, keep: float) -> None:
        whole = meter.read_bytes()
        meter.write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(InputError, match="copy it again"):
            import_file(meter, MAP, NO_DATABASE, plant, None, SystemClock())

    def test_no_rows_and_no_parquet(self, tmp_path: Path, plant: Site) -> None:
        path = written(tmp_path / "none.parquet", when=pa.array([], pa.timestamp("us")), w=pa.array([], "f8"))
        with pytest.raises(InputError, match="no rows"):
            import_file(path, "time=when,power=w", NO_DATABASE, plant, None, SystemClock())
        (tmp_path / "text.parquet").write_text("when,w\n", encoding="utf-8")
        with pytest.raises(InputError, match="Parquet"):
            import_file(
                tmp_path / "text.parquet", "time=when,power=w", NO_DATABASE, plant, None, SystemClock()
            )


def test_a_dry_run_says_what_would_be_stored(meter: Path) -> None:
    progress: list[tuple[int, int]] = []
    found = plan_import(meter, MAP, None, SystemClock(), lambda *p: progress.append(p))
    assert progress == [(300, 300)]
    assert (found.rows, found.readings, found.rejected, len(found.reasons)) == (300, 591, 4, 4)
    assert (found.first, found.last) == (START, START + timedelta(minutes=299))
    power, load = found.points
    assert (power.asset, power.point, power.unit, power.readings) == ("rack-7", "it_power", "W", 294)
    assert (power.least, power.most) == pytest.approx((0.0, 29_900.0))
    assert (load.point, load.readings, load.out_of_range) == ("utilisation", 297, 1)


def test_what_is_too_large_after_conversion_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "m.parquet", when=pa.array(minutes(2)), w=[1e308, 1.0])
    found = plan_import(path, "time=when,power=w:kW", None, ManualClock(START + timedelta(hours=1)))
    assert (found.readings, found.reasons) == (1, ["row 1: value inf of power is not finite"])


def test_a_database_that_goes_away_says_how_far_it_came(
    tmp_path: Path, dsn: str, conn: db.Connection, plant: Site
) -> None:
    path = tmp_path / "m.csv"
    text = "\n".join(f"{t.isoformat()},1" for t in minutes(20_010))
    path.write_text(f"when,w\n{text}\n", encoding="utf-8")

    def leave(_done: int, _total: int) -> None:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with pytest.raises(ServiceError, match="20000 of 20010 rows are done"):
        import_file(path, "time=when,power=w", dsn, plant, None, SystemClock(), leave)
    done = import_file(path, "time=when,power=w", dsn, plant, None, SystemClock())
    assert (done.stored, done.duplicate) == (10, 20_000)

"""Files: checked before anything happens, bad cells named by line, and twice is as good as once."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import wait_until

from core.clock import ManualClock, SystemClock
from core.errors import InputError, ServiceError
from core.points import Status
from ingest.files import open_source
from ingest.history import import_file, publish_file
from ingest.mapping import Mapping, default_asset

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from core import db
    from core.jobs import Context
    from core.site import Site

MAP = "time=when,it_power=kilowatts:kW,utilisation=load:%"
START = datetime(2026, 3, 1, tzinfo=UTC)
NO_DATABASE = "host=127.0.0.1 port=1 dbname=none"
NO_BROKER = "mqtt://127.0.0.1:1"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Three hundred rows with a gap, a bad number, a bad time, and one value out of range."""
    lines = ["when,kilowatts,load,remark"]
    for i in range(300):
        time = (START + timedelta(seconds=30 * i)).isoformat()
        lines.append(f"{time},{0.1 * i},{i / 4},x")
    lines[10] = lines[10].replace(",x", "").rpartition(",")[0] + ",,x"
    lines[11] = lines[11].split(",")[0] + ",much,5,x"
    lines[12] = "yesterday,1,2,x"
    lines[13] = lines[13].split(",")[0] + ",1,101,x"
    path = tmp_path / "Small Meter.v2.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def totals(conn: db.Connection) -> list[tuple[str, str, int, float]]:
    rows = conn.execute(
        "SELECT asset_id, name, count(*) AS n, sum(value) AS sum FROM reading_named"
        " GROUP BY asset_id, name ORDER BY asset_id, name"
    )
    return [(r["asset_id"], r["name"], r["n"], r["sum"]) for r in rows]


def test_import(small: Path, dsn: str, conn: db.Connection, plant: Site) -> None:
    progress: list[tuple[int, int]] = []
    done = import_file(small, MAP, dsn, plant, None, SystemClock(), lambda *p: progress.append(p))
    assert (done.rows, done.readings, done.stored, done.duplicate, done.rejected) == (300, 596, 596, 0, 2)
    assert done.reasons == [
        "line 12: kilowatts 'much' is no number",
        "line 13: time 'yesterday' cannot be read",
    ]
    assert progress == [(300, 300)]
    power, load = totals(conn)
    assert power[:3] == ("small-meter", "it_power", 298)
    assert load[:3] == ("small-meter", "utilisation", 298)
    expected_w = math.fsum(100.0 * i for i in range(300) if i not in {10, 11, 12}) + 1000.0
    assert power[3] == pytest.approx(expected_w, rel=1e-12)
    marked = conn.execute("SELECT value FROM reading WHERE status = %s", (Status.BAD_OUT_OF_RANGE,))
    assert [r["value"] for r in marked] == [1.01]
    rejected = conn.execute("SELECT topic, payload FROM reading_rejected ORDER BY payload").fetchall()
    assert [(r["topic"], bytes(r["payload"])) for r in rejected] == [
        ("import/Small Meter.v2.csv", b"line 12"),
        ("import/Small Meter.v2.csv", b"line 13"),
    ]


def test_importing_again_changes_nothing(small: Path, dsn: str, conn: db.Connection, plant: Site) -> None:
    import_file(small, MAP, dsn, plant, None, SystemClock())
    before = totals(conn)
    again = import_file(small, MAP, dsn, plant, None, SystemClock())
    assert (again.stored, again.duplicate, again.rejected) == (0, 596, 2)
    assert totals(conn) == before


def test_published_and_then_imported_nothing_changes(
    small: Path,
    dsn: str,
    conn: db.Connection,
    plant: Site,
    broker_url: str,
    serving: Callable[..., AbstractContextManager[Context]],
) -> None:
    with serving():
        sent = publish_file(small, MAP, broker_url, plant, None, None, SystemClock())
        assert (sent.messages, sent.acknowledged, sent.readings, sent.rejected) == (3, 3, 596, 2)
        wait_until(lambda: sum(t[2] for t in totals(conn)) == 596)
    before = conn.execute("SELECT * FROM reading ORDER BY point_id, time").fetchall()
    again = import_file(small, MAP, dsn, plant, None, SystemClock())
    assert (again.stored, again.duplicate) == (0, 596)
    assert conn.execute("SELECT * FROM reading ORDER BY point_id, time").fetchall() == before


def test_a_paced_play_takes_the_files_own_time(tmp_path: Path, plant: Site, broker_url: str) -> None:
    path = tmp_path / "paced.csv"
    path.write_text("t,w\n0,1\n10,2\n40,3\n", encoding="utf-8")
    clock = ManualClock(START)
    sent = publish_file(path, "time=t,power=w", broker_url, plant, 2.0, None, clock)
    assert (sent.messages, sent.readings) == (3, 3)
    assert clock.now() == START + timedelta(seconds=20)


class TestTimes:
    @pytest.mark.parametrize(
        "texts",
        [
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00.5Z"),
            ("2026-03-01 01:00:00+01:00", "2026-03-01 01:00:00.500+01:00"),
            ("2026-03-01T00:00:00", "2026-03-01T00:00:00.5"),
            ("1772323200", "1772323200.5"),
            ("1772323200000", "1772323200500"),
        ],
    )
    def test_absolute(self, tmp_path: Path, texts: tuple[str, str]) -> None:
        path = tmp_path / "a.csv"
        path.write_text(f"t,w\n{texts[0]},1\n{texts[1]},2\n", encoding="utf-8")
        source = open_source(path, "time=t,power=w")
        (chunk,) = source.chunks(None)
        assert chunk.blocks[0].times == [START, START + timedelta(milliseconds=500)]

    def test_relative_times_need_a_start_to_be_imported(self, tmp_path: Path, dsn: str, plant: Site) -> None:
        path = tmp_path / "a.csv"
        path.write_text("t,w\n0,1\n0.0101,2\n", encoding="utf-8")
        with pytest.raises(InputError, match="--start"):
            import_file(path, "time=t,power=w", dsn, plant, None, SystemClock())
        done = import_file(path, "time=t,power=w", dsn, plant, START, SystemClock())
        assert done.stored == 2
        (chunk,) = open_source(path, "time=t,power=w").chunks(START)
        assert chunk.blocks[0].times[1] == START + timedelta(microseconds=10_100)

    def test_a_start_for_absolute_times_is_refused(self, small: Path, plant: Site) -> None:
        with pytest.raises(InputError, match="--start"):
            import_file(small, MAP, NO_DATABASE, plant, START, SystemClock())

    def test_the_future_is_refused(self, small: Path, dsn: str, plant: Site) -> None:
        done = import_file(small, MAP, dsn, plant, None, ManualClock(START))
        assert "future" in done.reasons[-1]
        assert done.stored == 11 * 2 - 2, "eleven rows up to 5 min ahead, of which two lack a value"


class TestMapping:
    def test_asset_unit_and_default(self) -> None:
        found = Mapping.parse("time=t, gpu-0/gpu_power=p:mW, it_power=q", "meter")
        assert [(c.asset, c.point.name, c.name, c.unit) for c in found.columns] == [
            ("gpu-0", "gpu_power", "p", "mW"),
            (None, "it_power", "q", "W"),
        ]

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("", "--map"),
            ("it_power", "POINT=COLUMN"),
            ("it_power=kilowatts", "no column of times"),
            ("time=when", "no column of points"),
            ("time=when,colour=kilowatts", "colour"),
            ("time=when,it_power=kilowatts:furlong", "furlong"),
            ("time=when,it_power=kilowatts:degC", "degC"),
            ("time=when,it_power=watts", "no 'watts'"),
            ("time=x,it_power=kilowatts", "no 'x'"),
            ("time=when,it_power=remark", "no number"),
            ("time=remark,it_power=kilowatts", "ISO 8601"),
            ("time=when,A B/it_power=kilowatts", "A B"),
            ("time=when,it_power=kilowatts,it_power=load", "twice"),
            ("time=when,time=load,it_power=kilowatts", "two columns of times"),
        ],
    )
    def test_wrong_mappings_are_one_sentence_before_any_server_is_asked(
        self, small: Path, plant: Site, text: str, word: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            import_file(small, text, NO_DATABASE, plant, None, SystemClock())
        assert word in str(caught.value)
        with pytest.raises(InputError):
            publish_file(small, text, NO_BROKER, plant, None, None, SystemClock())

    def test_columns_that_nobody_knows(self, small: Path, plant: Site) -> None:
        with pytest.raises(InputError, match="--map"):
            import_file(small, None, NO_DATABASE, plant, None, SystemClock())

    @pytest.mark.parametrize(
        ("name", "asset"), [("Rack 7.csv", "rack-7"), ("_a.b.csv.gz", "a"), ("X_Y-1.csv", "x_y-1")]
    )
    def test_default_asset(self, tmp_path: Path, name: str, asset: str) -> None:
        assert default_asset(tmp_path / name) == asset

    def test_no_default_asset(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="rename"):
            default_asset(tmp_path / "§.csv")


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("missing.csv", None),
            ("empty.csv", b""),
            ("headings.csv", b"when,kilowatts,load\n"),
            ("broken.csv.gz", gzip.compress(b"when,kilowatts,load\n" * 9999)[:-20]),
            ("no.csv.gz", b"not compressed"),
            ("latin.csv", b"when,kilowatts,load\n2026-03-01,\xff,1\n"),
        ],
    )
    def test_what_is_no_csv(self, tmp_path: Path, plant: Site, name: str, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            import_file(tmp_path / name, MAP, NO_DATABASE, plant, None, SystemClock())

    def test_rows_of_another_length_are_left_out_and_named(self, tmp_path: Path) -> None:
        path = tmp_path / "torn.csv"
        rows = ["1,10,a", "2,20", "3,30,c", "", "4,40,d,e,5,50,e", "5,50,", ""]
        path.write_text("t,w,note\n" + "\n".join(rows) + "\n", encoding="utf-8")
        (chunk,) = open_source(path, "time=t,power=w").chunks(START)
        assert chunk.blocks[0].values["power"].tolist() == [10.0, 30.0, 50.0]
        assert chunk.blocks[0].lines.tolist() == [2, 4, 7]
        assert [(cell.line, cell.reason) for cell in chunk.bad] == [
            (3, "2 cells under 3 headings"),
            (6, "7 cells under 3 headings"),
        ]

    def test_no_broker(self, small: Path, plant: Site) -> None:
        with pytest.raises(ServiceError):
            publish_file(small, MAP, NO_BROKER, plant, None, None, SystemClock())

    def test_a_speed_of_zero(self, small: Path, plant: Site) -> None:
        with pytest.raises(InputError, match="--speed"):
            publish_file(small, MAP, NO_BROKER, plant, 0.0, None, SystemClock())

    def test_a_gpu_log_is_recognised_and_an_empty_cell_is_no_reading(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        path.write_text(
            "t_s,gpu_index,power_w,util_gpu,mem_used_mib,fan_pct,throttle_reasons,cpu_util,rapl_pkg_uj\n"
            "0.0,0,83.78,0.5,273,,0x0000000000000004,0.25,3000000\n"
            "0.1,1,90,,273,50,0,,\n"
            "0.2,x,90,1,273,50,0,,\n"
            "0.3,0.5,90,1,273,50,0,,\n",
            encoding="utf-8",
        )
        (chunk,) = open_source(path, None).chunks(START)
        found = {
            (block.asset, name): [v for v in values.tolist() if math.isfinite(v)]
            for block in chunk.blocks
            for name, values in block.values.items()
        }
        assert found["gpu-0", "gpu_power"] == [83.78]
        assert found["gpu-0", "gpu_fan_speed_ratio"] == []
        assert found["gpu-0", "gpu_throttle_reasons"] == [4.0]
        assert found["gpu-0", "gpu_memory_used"] == [273 * 2**20]
        assert found["gpu-1", "utilisation"] == []
        assert found["gpu-1", "gpu_fan_speed_ratio"] == [0.5]
        assert found["host", "utilisation"] == [0.25]
        assert found["host", "energy"] == [3.0]
        assert {asset for asset, _ in found} == {"gpu-0", "gpu-1", "host"}
        assert [cell.line for cell in chunk.bad] == [4, 5]

"""An import goes on where it was broken off, begins anew where it is another one, and says which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core.clock import ManualClock, SystemClock
from core.errors import ServiceError
from core.jobs import Context
from core.settings import Settings
from ingest.history import Imported, checked, import_file, import_source
from ingest.jobs import keep_storage, roll_up

if TYPE_CHECKING:
    from pathlib import Path

    from core import db
    from core.site import Site

START = datetime(2026, 3, 1, tzinfo=UTC)
MAP = "time=when,power=w"
ROWS = 50_000
CHUNK = 20_000


def written(path: Path, rows: int = ROWS, extra: str = "") -> Path:
    text = "\n".join(f"{(START + timedelta(seconds=i)).isoformat()},{i}" for i in range(rows))
    path.write_text(f"when,w\n{text}\n{extra}", encoding="utf-8")
    return path


@pytest.fixture
def half(tmp_path: Path, dsn: str, conn: db.Connection, plant: Site) -> Path:
    """A file of which the database has taken the first chunk before it went away."""
    path = written(tmp_path / "m.csv")

    def leave(done: int, _total: int) -> None:
        assert done == CHUNK
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with pytest.raises(ServiceError, match=f"{CHUNK} of {ROWS} rows are done"):
        import_file(path, MAP, dsn, plant, None, SystemClock(), leave)
    return path


def totals(conn: db.Connection) -> tuple[int, float]:
    row = conn.execute("SELECT count(*) AS n, coalesce(sum(value), 0) AS sum FROM reading").fetchone()
    assert row
    return row["n"], row["sum"]


def counts(done: Imported) -> tuple[int, int, int, int]:
    return done.rows, done.readings, done.stored, done.duplicate


def test_goes_on_and_says_so(half: Path, dsn: str, conn: db.Connection, plant: Site) -> None:
    told: list[str] = []
    seen: list[tuple[int, int]] = []
    now = datetime.now(UTC)
    done = import_source(
        checked(half, MAP, None), dsn, plant, None, SystemClock(), lambda *p: seen.append(p), say=told.append
    )
    assert counts(done) == (ROWS, ROWS, ROWS - CHUNK, CHUNK)
    assert told == [done.note]
    assert f"goes on after {CHUNK} of {ROWS} rows, as of {now:%F}" in done.note
    assert seen == [(CHUNK, ROWS), (2 * CHUNK, ROWS), (ROWS, ROWS)]
    assert totals(conn) == (ROWS, sum(range(ROWS)))


def test_another_name_is_the_same_file(half: Path, dsn: str, plant: Site) -> None:
    other = half.rename(half.with_name("m.copy.csv"))
    assert import_file(other, MAP, dsn, plant, None, SystemClock()).note.startswith("goes on")


def test_another_content_or_mapping_begins_anew(
    half: Path, dsn: str, conn: db.Connection, plant: Site
) -> None:
    mapped = import_file(half, "time=when,other/power=w", dsn, plant, None, SystemClock())
    assert (mapped.note, mapped.stored, mapped.duplicate) == ("", ROWS, 0)
    half.write_text(half.read_text(encoding="utf-8").replace("00:00:03+00:00,3", "00:00:03+00:00,4"))
    changed = import_file(half, MAP, dsn, plant, None, SystemClock())
    assert (changed.note, changed.stored, changed.duplicate) == ("", ROWS - CHUNK, CHUNK)
    assert totals(conn) == (2 * ROWS, 2 * sum(range(ROWS)))


def test_a_whole_file_is_not_sent_again_unless_it_is_wanted(
    tmp_path: Path, dsn: str, conn: db.Connection, plant: Site
) -> None:
    path = written(tmp_path / "m.csv", 10)
    import_file(path, MAP, dsn, plant, None, SystemClock())
    conn.execute("DELETE FROM reading WHERE value = 3")
    again = import_file(path, MAP, dsn, plant, None, SystemClock())
    assert counts(again) == (10, 10, 0, 10)
    assert "there already, as of" in again.note
    assert totals(conn)[0] == 9
    anew = import_source(checked(path, MAP, None), dsn, plant, None, SystemClock(), anew=True)
    assert (*counts(anew), anew.note) == (10, 10, 1, 9, "")


def test_what_was_refused_is_looked_at_again(tmp_path: Path, dsn: str, plant: Site) -> None:
    path = written(tmp_path / "m.csv", 1000, extra="yesterday,1\n")
    early = import_file(path, MAP, dsn, plant, None, ManualClock(START + timedelta(seconds=200)))
    assert (early.stored, early.rejected) == (501, 500), "five minutes ahead are believed"
    later = import_file(path, MAP, dsn, plant, None, SystemClock())
    assert (later.stored, later.duplicate, later.rejected, later.note) == (499, 501, 1, "")


def test_what_retention_has_dropped_may_be_imported_again(
    tmp_path: Path, dsn: str, conn: db.Connection, plant: Site
) -> None:
    clock = ManualClock(START + timedelta(days=30))
    context = Context(Settings(dsn=dsn, retention_days=10), plant, clock, dsn)
    old, new = written(tmp_path / "old.csv", 10), tmp_path / "new.csv"
    new.write_text(f"when,w\n{clock.now().isoformat()},1\n", encoding="utf-8")
    for path in (old, new):
        import_file(path, "time=when,m/power=w", dsn, plant, None, clock)
    roll_up(context)
    keep_storage(context)
    assert totals(conn)[0] == 1
    assert import_file(old, "time=when,m/power=w", dsn, plant, None, clock).stored == 10
    assert "there already" in import_file(new, "time=when,m/power=w", dsn, plant, None, clock).note


def test_a_site_has_its_own_imports(half: Path, dsn: str, plant: Site) -> None:
    inner = plant.site.model_copy(update={"id": "another"})
    other = plant.model_copy(update={"site": inner})
    assert import_file(half, MAP, dsn, other, None, SystemClock()).stored == ROWS

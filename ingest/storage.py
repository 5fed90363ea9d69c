"""Statements of the writer: how readings and what comes beside them get into the tables.

This and `ingest.writer` are the only modules of the room that know psycopg; the rest goes through `core.db`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import sql
from core import db
from core.points import CATALOGUE
from ingest import samples
from ingest.samples import Places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from core.site import Site
    from ingest.batch import Acknowledgement, ForecastRow, Refusal
    from ingest.codec.base import Decoded

Row = tuple[datetime, float, int, int]
"""Time, value [canonical unit], point id, status: a row of `reading`."""

_TYPES: Final = ("timestamptz", "float8", "int4", "int4")
_COPY: Final = "COPY {} (time, value, point_id, status) FROM STDIN (FORMAT BINARY)"
_REASONS_SHOWN: Final = 3
_MINUTE: Final = timedelta(minutes=1)
_DIRTY_GAP: Final = timedelta(minutes=5)
"""Times of a batch that lie no further apart are one stretch to roll up again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Every reading received is in exactly one of the other four."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    filtered: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.received + other.received,
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
            self.filtered + other.filtered,
        )


class PointIds:
    """Ids of a site's points; the table is insert-only, so what has been seen stays true."""

    def __init__(self, site: str, source: str) -> None:
        self._site, self._source = site, source
        self.known: dict[tuple[str, str], int] = {}
        self.places = Places()

    def rows(self, conn: db.Connection, readings: Sequence[Decoded]) -> list[Row]:
        """Readings as rows; points never seen before are registered."""
        known = self.known
        try:
            return [(time, value, known[asset, point], s) for asset, point, time, value, s in readings]
        except KeyError:
            self.register(conn, ((r.asset, r.point) for r in readings))
        return [(time, value, known[asset, point], s) for asset, point, time, value, s in readings]

    def register(self, conn: db.Connection, keys: Iterable[tuple[str, str]]) -> None:
        """Make sure that every (asset, point) is in `known`; runs outside of the batch's transaction."""
        missing = sorted({key for key in keys if key not in self.known})
        if not missing:
            return
        with conn.transaction():
            new = []
            for asset, name in missing:
                point = CATALOGUE[name]
                new += db.rows(
                    conn,
                    "register_point",
                    site=self._site,
                    asset=asset,
                    name=name,
                    unit=point.unit,
                    role=point.role,
                    state_class=point.state_class,
                    source=self._source,
                )
            db.rows(conn, "place_points", points=[row["point_id"] for row in new])
        found = db.rows(conn, "ingest_site_points", site=self._site)
        self.places.learn((p["point_id"], p["gpu_id"], p["field"]) for p in found if p["gpu_id"])
        self.known.update({(p["asset_id"], p["name"]): p["point_id"] for p in found})


def register_site(conn: db.Connection, site: Site, now: datetime) -> None:
    """Write the site and its assets as `site.toml` describes them."""
    with conn.transaction():
        db.rows(
            conn,
            "upsert_site",
            site=site.id,
            name=site.site.name,
            timezone=site.site.timezone,
            description=db.json(site.model_dump(mode="json")),
            now=now,
        )
        for asset in sorted(site.assets, key=lambda a: a.id):
            db.rows(
                conn,
                "upsert_asset",
                site=site.id,
                asset=asset.id,
                brick_class=asset.brick_class,
                parent=asset.parent,
                label=asset.label or asset.id,
            )


def insert(conn: db.Connection, rows: Sequence[Row], *, staged: bool, places: Places | None = None) -> int:
    """Store readings; to be called in a transaction.

    Args:
        conn: connection.
        rows: the readings.
        staged: by way of a temporary table, leaving out what is there already; otherwise straight into the
            table, at half the cost, which raises UniqueViolation when one is there already.
        places: which points lie in samples of GPUs; None: none.

    Returns:
        How many are new.
    """
    if not rows:
        return 0
    _touch(conn, rows)
    rows, of_gpus = places.split_rows(rows) if places else (rows, None)
    new = samples.insert(conn, of_gpus, staged=staged) if of_gpus else 0
    if not staged:
        _copy(conn, "reading", rows)
        return new + len(rows)
    db.rows(conn, "ingest_staging")
    _copy(conn, "reading_staging", rows)
    return new + _count(conn, "ingest_insert_staged")


def _touch(conn: db.Connection, rows: Sequence[Row]) -> None:
    """Say which minutes have to be rolled up again; room is made for their days where there is none."""
    times = [row[0] for row in rows]
    ends = {min(times), max(times)}
    near = max(ends) - min(ends) <= _DIRTY_GAP  # one stretch: no need to look at those between
    stretches = dirty_stretches(ends if near else set(times))
    db.rows(conn, "rollup_touch", starts=[s for s, _ in stretches], ends=[e for _, e in stretches])


def dirty_stretches(times: set[datetime]) -> list[tuple[datetime, datetime]]:
    """Stretches of whole minutes that cover some times, in order: from, to (exclusive)."""
    ordered = sorted(times)
    breaks = [i for i in range(1, len(ordered)) if ordered[i] - ordered[i - 1] > _DIRTY_GAP]
    bounds = zip([0, *breaks], [*breaks, len(ordered)], strict=True)
    return [(_minute(ordered[a]), _minute(ordered[b - 1]) + _MINUTE) for a, b in bounds]


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def _copy(conn: db.Connection, table: str, rows: Sequence[Row]) -> None:
    with conn.cursor() as cursor, cursor.copy(_COPY.format(table).encode()) as copy:
        copy.set_types(_TYPES)
        write = copy.write_row
        for row in rows:
            write(row)


def _count(conn: db.Connection, name: str) -> int:
    return conn.execute(sql.query(name)).rowcount


def upsert_latest(conn: db.Connection, rows: Iterable[Row]) -> None:
    """Bring `reading_latest` up to date."""
    newest: dict[int, Row] = {}
    for row in rows:
        known = newest.get(row[2])
        if known is None or row[0] > known[0]:
            newest[row[2]] = row
    if newest:
        ordered = [newest[point] for point in sorted(newest)]
        times, values, points, statuses = (list(column) for column in zip(*ordered, strict=True))
        db.rows(conn, "ingest_upsert_latest", times=times, values=values, points=points, statuses=statuses)


def save_refusals(conn: db.Connection, refusals: Iterable[Refusal], now: datetime) -> None:
    """Keep what could not be read: one row a message, with the reasons and how often it came."""
    by_message: dict[int, tuple[Refusal, list[str]]] = {}
    for refusal in refusals:
        by_message.setdefault(id(refusal.message), (refusal, []))[1].append(refusal.reason)
    rows: dict[bytes, tuple[Refusal, list[str], int]] = {}
    for refusal, reasons in by_message.values():
        digest = sha256(refusal.message.topic.encode("utf-8", "replace") + b"\0" + refusal.message.payload)
        seen = rows[digest.digest()][2] if digest.digest() in rows else 0
        rows[digest.digest()] = (refusal, reasons, seen + 1)
    for digest_bytes in sorted(rows):
        refusal, reasons, seen = rows[digest_bytes]
        more = len(reasons) - _REASONS_SHOWN
        text = "; ".join(reasons[:_REASONS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        db.rows(
            conn,
            "ingest_upsert_rejected",
            digest=digest_bytes,
            topic=storable(refusal.message.topic),
            payload=refusal.message.payload,
            reason=storable(text),
            at=now,
            seen=seen,
        )


def storable(text: str) -> str:
    """Text that PostgreSQL takes: no NUL, nothing that UTF-8 cannot say."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")


def save_counts(conn: db.Connection, client_id: str, started_at: datetime, now: datetime, c: Counts) -> None:
    """Write what a process has done since its start."""
    db.rows(
        conn, "ingest_upsert_counter", client_id=client_id, started_at=started_at, updated_at=now, **asdict(c)
    )


def save_forecast(conn: db.Connection, site: str, rows: Sequence[ForecastRow], now: datetime) -> None:
    """Keep a weather forecast with the time at which it was known."""
    db.rows(
        conn,
        "ingest_insert_weather_forecast",
        site=site,
        now=now,
        issued=[r.issued_at for r in rows],
        valid=[r.valid_at for r in rows],
        dry_bulb=[r.dry_bulb_c for r in rows],
        wet_bulb=[r.wet_bulb_c for r in rows],
    )


def save_acknowledgement(conn: db.Connection, site: str, answer: Acknowledgement, now: datetime) -> None:
    """Put the plant's answer into its command; an answer to no command of ours changes nothing."""
    command_id: UUID = answer.command_id
    db.rows(
        conn,
        "ingest_acknowledge_command",
        site=site,
        command_id=command_id,
        accepted=answer.accepted,
        reason=storable(answer.reason),
        now=now,
    )

"""Statements of the writer: how readings and what comes beside them get into the tables.

This and `ingest.writer` are the only modules of the room that know psycopg; the rest goes through `core.db`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np

import sql
from core import db
from core.points import CATALOGUE
from ingest import samples
from ingest.rows import COPY_HEADER, COPY_TRAILER, as_datetime, newest, pack, times_us
from ingest.samples import Places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from core.site import Site
    from ingest.batch import Acknowledgement, EdgeBeat, ForecastRow, Refusal, ScheduleRow
    from ingest.rows import Ints, Key, Readings, Rows, Times

_COPY: Final = b"COPY %s (time, value, point_id, status) FROM STDIN (FORMAT BINARY)"
_SPAN_US: Final = 1 << 40
"""Point and time of a row fit into one whole number where the times lie within 12 days [µs]."""
_MORE_ROWS: Final = 1000
_REASONS_SHOWN: Final = 3
_MINUTE_US: Final = 60_000_000
_DIRTY_GAP_MINUTES: Final = 5
"""Minutes that lie no further apart are one stretch to roll up again."""


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
        self.known: dict[Key, int] = {}
        self.places = Places()

    def rows(self, conn: db.Connection, readings: Readings) -> Rows:
        """Readings as rows; points never seen before are registered."""
        points = self.ids(conn, readings.keys)[readings.index]
        return pack(readings.times_us, readings.values, points, readings.statuses)

    def ids(self, conn: db.Connection, keys: Sequence[Key]) -> Ints:
        """(k,) ids of points; those never seen before are registered."""
        self.register(conn, keys)
        return np.array([self.known[key] for key in keys], dtype=np.int64)

    def register(self, conn: db.Connection, keys: Iterable[Key]) -> None:
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


def insert(conn: db.Connection, rows: Rows, *, places: Places, again: bool = False) -> int:
    """Store readings, leaving out what is there already, and the newest of each point.

    To be called in a transaction.

    Args:
        conn: connection.
        rows: the readings.
        places: which points lie in samples of GPUs.
        again: whether some are probably there already; it only saves an attempt.

    Returns:
        How many are new.
    """
    if not len(rows):
        return 0
    touch(conn, rows)
    narrow, of_gpus = places.split(rows)
    new = samples.insert(conn, of_gpus, again=again) if of_gpus else 0
    new += _insert(conn, narrow, again=again) if len(narrow) else 0
    _upsert_latest(conn, rows)
    return new


def _insert(conn: db.Connection, rows: Rows, *, again: bool) -> int:
    """Store readings that are no samples; how many are new."""
    if not again and _copied(conn, rows):
        return len(rows)
    fresh = _fresh(conn, rows)
    if fresh is not None and _copied(conn, fresh):
        return len(fresh)
    db.rows(conn, "ingest_staging")  # what was there is not all: late readings, or another writer's
    _copy(conn, b"reading_staging", rows)
    return conn.execute(sql.query("ingest_insert_staged")).rowcount


def _copied(conn: db.Connection, rows: Rows) -> bool:
    """Straight into the table, at half the cost of staging; False and nothing done where one is there."""
    try:
        with conn.transaction():
            _copy(conn, b"reading", rows)
    except db.UniqueViolation:
        return False
    return True


def _fresh(conn: db.Connection, rows: Rows) -> Rows | None:
    """Rows without those that are there and those that are in them twice, of which the first one stays.

    None where that cannot be told cheaply, because they are scattered over a time in which there is more.
    """
    points, which = np.unique(rows["point"].astype(np.int64), return_inverse=True)
    measured = times_us(rows)
    first_us, last_us = int(measured.min()), int(measured.max())
    if last_us - first_us >= _SPAN_US:
        return None
    there = db.row(
        conn,
        "ingest_stored_between",
        points=points.tolist(),
        from_time=as_datetime(first_us),
        to_time=as_datetime(last_us),
        count=len(rows) + _MORE_ROWS,
    )
    keys, first = np.unique(which * _SPAN_US + (measured - first_us), return_index=True)
    if there and there["points"]:
        if len(there["points"]) == len(rows) + _MORE_ROWS:
            return None
        known = np.searchsorted(points, there["points"]) * _SPAN_US + (np.array(there["times_us"]) - first_us)
        first = first[~np.isin(keys, known)]
    found: Rows = rows[np.sort(first)]
    return found


def touch(conn: db.Connection, rows: Rows) -> None:
    """Say which minutes have to be rolled up again; room is made for their days where there is none."""
    stretches = dirty_stretches(times_us(rows))
    db.rows(conn, "rollup_touch", starts=[s for s, _ in stretches], ends=[e for _, e in stretches])


def dirty_stretches(times_us: Times) -> list[tuple[datetime, datetime]]:
    """Stretches of whole minutes that cover some times, in order: from, to (exclusive)."""
    minutes = np.array([times_us.min(), times_us.max()]) // _MINUTE_US
    if minutes[1] - minutes[0] > _DIRTY_GAP_MINUTES:  # else one stretch: no need to look at those between
        minutes = np.unique(times_us // _MINUTE_US)
    breaks = np.flatnonzero(np.diff(minutes) > _DIRTY_GAP_MINUTES)
    starts = minutes[np.concatenate([[0], breaks + 1])]
    ends = minutes[np.concatenate([breaks, [len(minutes) - 1]])] + 1
    return [
        (as_datetime(start * _MINUTE_US), as_datetime(end * _MINUTE_US))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _copy(conn: db.Connection, table: bytes, rows: Rows) -> None:
    with conn.cursor() as cursor, cursor.copy(_COPY % table) as copy:
        copy.write(COPY_HEADER)
        copy.write(rows.tobytes())
        copy.write(COPY_TRAILER)


def _upsert_latest(conn: db.Connection, rows: Rows) -> None:
    """Bring `reading_latest` up to date."""
    found = newest(rows)
    db.rows(
        conn,
        "ingest_upsert_latest",
        points=found["point"].tolist(),
        times=[as_datetime(us) for us in times_us(found).tolist()],
        values=found["value"].tolist(),
        statuses=found["status"].tolist(),
    )


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


def save_schedule(
    conn: db.Connection, site: str, kind: str, rows: Sequence[ScheduleRow], now: datetime
) -> None:
    """Keep what is known ahead with the time at which it was known; what was known already stays as it is."""
    db.rows(
        conn,
        "ingest_insert_schedule",
        site=site,
        kind=kind,
        now=now,
        valid=[r.valid_at for r in rows],
        value=[r.value for r in rows],
    )


def save_acknowledgement(conn: db.Connection, site: str, answer: Acknowledgement, now: datetime) -> None:
    """Put the plant's answer into its command, or into its lease where the plant's side let go by itself.

    An answer to no command of ours changes nothing.
    """
    if answer.released:
        db.rows(
            conn,
            "ingest_lease_let_go",
            site=site,
            asset=storable(answer.asset),
            point=storable(answer.point),
            recommendation_id=answer.recommendation_id,
            reason=storable(answer.reason),
        )
        return
    command_id: UUID = answer.command_id
    db.rows(
        conn,
        "ingest_acknowledge_command",
        site=site,
        command_id=command_id,
        accepted=answer.accepted,
        reason=storable(answer.reason),
        answer=db.json({k: storable(v) if isinstance(v, str) else v for k, v in answer.content.items()}),
        now=now,
    )


def save_edges(conn: db.Connection, site: str, beats: Sequence[EdgeBeat]) -> None:
    """Keep when each gateway was heard, and what it holds."""
    for beat in beats:
        holding = {storable(point): number for point, number in beat.holding.items()}
        db.rows(
            conn,
            "ingest_upsert_edge",
            site=site,
            edge=beat.edge,
            online=beat.online,
            now=beat.heard_at,
            holding=db.json(holding),
        )

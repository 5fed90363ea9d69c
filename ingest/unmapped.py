"""What dialects hear beside readings, into the database: values without a mapping, who feeds whom, beats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core import db
from ingest.storage import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.codec.dialect import Beat, Serves, Unmapped

REGISTERED_MAX: Final = 20_000
"""Most names in the table; it is a list for people, and a flood of invented names must not fill the disk."""


EVERY: Final = timedelta(seconds=5)
"""How often counts are written; a name never seen before is written at once."""

_Key = tuple[str, str]
"""Codec and name."""


class Register:
    """Values that no mapping names, counted here and written now and then.

    What a process that is killed has counted in its last seconds is not in the table; the names are.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self._waiting: dict[_Key, tuple[Unmapped, int]] = {}
        self._written: set[_Key] = set()
        self._written_at: datetime | None = None

    def save(self, conn: db.Connection, found: Iterable[Unmapped], now: datetime) -> None:
        """Count, and write what there is where it is time to or where a name is new."""
        new = False
        for one in found:
            key = (one.codec, storable(one.name))
            before = self._waiting.get(key)
            self._waiting[key] = (one, before[1] + 1 if before else 1)
            new = new or key not in self._written
        due = self._written_at is None or abs(now - self._written_at) >= EVERY
        if self._waiting and (new or due):
            _write(conn, self._site, self._waiting, now)
            self._written.update(self._waiting)
            if len(self._written) > REGISTERED_MAX:
                self._written = set(self._waiting)
            self._waiting, self._written_at = {}, now


def _write(conn: db.Connection, site: str, waiting: dict[_Key, tuple[Unmapped, int]], now: datetime) -> None:
    keys = sorted(waiting)
    ones = [waiting[key][0] for key in keys]
    db.rows(
        conn,
        "ingest_upsert_unmapped",
        site=site,
        now=now,
        most=REGISTERED_MAX,
        codecs=[codec for codec, _ in keys],
        names=[name for _, name in keys],
        topics=[storable(one.topic) for one in ones],
        units=[storable(one.unit) for one in ones],
        suggestions=[one.suggestion for one in ones],
        examples=[storable(one.example) for one in ones],
        seen=[waiting[key][1] for key in keys],
    )


def save_serves(conn: db.Connection, site: str, found: Iterable[Serves], now: datetime) -> None:
    """Keep who feeds whom."""
    edges = sorted({(storable(s.object_id), s.relation, storable(s.other_id)) for s in found})
    if edges:
        objects, relations, others = (list(column) for column in zip(*edges, strict=True))
        db.rows(
            conn,
            "ingest_upsert_serves",
            site=site,
            now=now,
            objects=objects,
            relations=relations,
            others=others,
        )


def save_beats(conn: db.Connection, site: str, found: Iterable[Beat], patience: timedelta) -> None:
    """Keep when each heartbeat came last, and how many have come in time, one after the other.

    Args:
        conn: connection.
        site: the site's id.
        found: heartbeats.
        patience: one that comes later than this after the last one is not in time.
    """
    last = {storable(beat.name): beat.at for beat in found}  # they come in the order of time
    if last:
        names, times = list(last), list(last.values())
        db.rows(conn, "ingest_upsert_heartbeats", site=site, names=names, times=times, patience=patience)

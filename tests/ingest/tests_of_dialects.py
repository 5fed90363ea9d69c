"""What the dialects' tests share: a plant whose topics speak a dialect, and its messages read in a row."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joulecast
from core.site import Site
from ingest.batch import Assembler, Batch, Message

if TYPE_CHECKING:
    from ingest.codec.base import Decoded

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW_MS = 1_772_452_800_000
DEMO = (Path(joulecast.__file__).parent / "demo" / "site.toml").read_text(encoding="utf-8")


def site_with(*topics: dict[str, Any]) -> Site:
    return Site.model_validate(tomllib.loads(DEMO) | {"topics": list(topics)})


class Ear:
    """Reads messages of one plant in a row; each has a batch of its own."""

    def __init__(self, *topics: dict[str, Any]) -> None:
        self.now = NOW
        self._assembler = Assembler(site_with(*topics), lambda: self.now)

    def __call__(self, topic: str, payload: object) -> Batch:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        batch = Batch()
        self._assembler.add(batch, Message(topic, raw, self.now))
        return batch


def values(batch: Batch) -> dict[str, float]:
    return {f"{r.asset}/{r.point}": r.value for r in batch.readings}


def only(batch: Batch) -> Decoded:
    assert len(batch.readings) == 1
    return batch.readings[0]


def reasons(batch: Batch) -> str:
    return "; ".join(refusal.reason for refusal in batch.refusals)

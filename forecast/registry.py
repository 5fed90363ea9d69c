"""Which forecasters there are, and the trained ones' versions, kept in the database without a server.

Weights are safetensors with their checksum: nothing is ever unpickled. Of each target's versions at most one
is in force, the champion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.errors import InputError
from forecast.models.persistence import Persistence
from forecast.models.seasonal_naive import SeasonalNaive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from forecast.models.lstm import LstmForecaster
    from forecast.protocol import Forecaster, Task

NAIVE: Final[dict[str, Callable[[Task], Forecaster]]] = {
    SeasonalNaive.name: SeasonalNaive,
    Persistence.name: Persistence,
}
"""Forecasters that need no training: there from the first day on."""
LEARNED: Final = "lstm"
"""The forecaster whose versions are kept."""


@dataclass(frozen=True, slots=True)
class Version:
    """A trained model as stored."""

    model_version_id: int
    target: str
    model: str
    status: str
    """champion, challenger or retired."""
    trained_at: datetime
    data_from: datetime
    data_to: datetime
    card: dict[str, Any]
    weights: bytes = b""
    """safetensors; empty in lists."""
    weights_sha256: str = ""


def store(
    conn: db.Connection,
    site_id: str,
    model: LstmForecaster,
    card: Mapping[str, Any],
    trained_at: datetime,
    data: tuple[datetime, datetime],
) -> int:
    """Keep a trained model as a challenger.

    Args:
        conn: connection.
        site_id: the site.
        model: what was trained.
        card: what is known of it.
        trained_at: when.
        data: span of the data it learnt from.

    Returns:
        The version's id.
    """
    weights = model.weights()
    stored = db.row(
        conn,
        "forecast_insert_version",
        site=site_id,
        target=model.task.target,
        model=model.name,
        trained_at=trained_at,
        data_from=data[0],
        data_to=data[1],
        card=db.json(json_safe(card)),
        weights=weights,
        weights_sha256=sha256(weights).hexdigest(),
    )
    return int(stored["model_version_id"]) if stored else 0


def champion(conn: db.Connection, site_id: str, target: str, model: str = LEARNED) -> Version | None:
    """The version in force for a target, with its weights; None before the first."""
    found = db.row(conn, "forecast_champion", site=site_id, target=target, model=model)
    return Version(**found) if found else None


def versions(conn: db.Connection, site_id: str, target: str, model: str = LEARNED) -> list[Version]:
    """All versions for a target, newest first, without their weights."""
    return [
        Version(**row) for row in db.rows(conn, "forecast_versions", site=site_id, target=target, model=model)
    ]


def load(version: Version) -> LstmForecaster:
    """Make a stored model ready to forecast.

    Raises:
        InputError: the weights are not what was stored, or do not fit the card.
    """
    from forecast.models.lstm import LstmForecaster  # noqa: PLC0415  # torch takes seconds to import

    found = sha256(version.weights).hexdigest()
    if found != version.weights_sha256:
        raise InputError(
            f"weights of model version {version.model_version_id}",
            found=f"checksum {found[:12]}",
            allowed=f"{version.weights_sha256[:12]}, as it was stored",
            do="train again or put an earlier version in force",
        )
    return LstmForecaster.load(version.card, version.weights)


def promote(conn: db.Connection, site_id: str, target: str, version_id: int, model: str = LEARNED) -> None:
    """Put a version in force and retire the present champion, both or neither.

    Raises:
        InputError: the target has no such version.
    """
    there = {v.model_version_id for v in versions(conn, site_id, target, model)}
    if version_id not in there:
        raise InputError(
            f"version of {model} for {target}",
            found=str(version_id),
            allowed=", ".join(map(str, sorted(there))) or "none: nothing has been trained yet",
            do="choose one of these",
        )
    with conn.transaction():
        db.rows(conn, "forecast_retire_champion", site=site_id, target=target, model=model)
        db.rows(conn, "forecast_promote", model_version_id=version_id)


def set_card(conn: db.Connection, version_id: int, card: Mapping[str, Any]) -> None:
    """Keep what has become known of a version since."""
    db.rows(conn, "forecast_set_card", model_version_id=version_id, card=db.json(json_safe(card)))


def json_safe(value: Any) -> Any:
    """The value with what JSON does not know replaced: NaN and infinity by None, tuples by lists."""
    if isinstance(value, dict):
        return {str(key): json_safe(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""Which forecasters there are, and the trained ones' versions, kept in the database without a server.

Weights are safetensors with their checksum: nothing is ever unpickled. Of each task (a target on a grid) at
most one version is in force: the champion. Promotions are only ever added to a list, so that a rollback finds
what was in force before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.errors import InputError
from forecast.features import CANDIDATES
from forecast.models.persistence import Persistence
from forecast.models.seasonal_naive import SeasonalNaive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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
WEIGHTS_KEPT: Final = 12
"""So many of a task's newest versions keep their weights; the champion and the one before it always do."""
STEP_S: Final = 900
"""The grid where none is named [s]."""


@dataclass(frozen=True, slots=True)
class Version:
    """A trained model as stored."""

    model_version_id: int
    target: str
    step_s: int
    model: str
    status: str
    """champion, challenger or retired."""
    trained_at: datetime
    data_from: datetime
    data_to: datetime
    card: dict[str, Any]
    weights: bytes | None = None
    """safetensors; none in lists, and where they were pruned."""
    weights_sha256: str = ""
    has_weights: bool = True
    """Whether they are still there."""
    promoted_at: datetime | None = None
    """When it was last put in force."""


def store(
    conn: db.Connection,
    site_id: str,
    model: LstmForecaster,
    card: Mapping[str, Any],
    trained_at: datetime,
    data: tuple[datetime, datetime],
) -> int:
    """Keep a trained model as a challenger; weights of old versions go.

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
    checksum = sha256(weights).hexdigest()
    task = {"site": site_id, "target": model.task.target, "step_s": model.task.step_s, "model": model.name}
    stored = db.row(
        conn,
        "forecast_insert_version",
        **task,
        trained_at=trained_at,
        data_from=data[0],
        data_to=data[1],
        card=db.json(json_safe({**card, "weights_sha256": checksum})),
        weights=weights,
        weights_sha256=checksum,
    )
    spared = standing(db.rows(conn, "forecast_promotions", **task))[-2:]
    db.rows(conn, "forecast_prune_weights", **task, spared=spared, kept=WEIGHTS_KEPT)
    return int(stored["model_version_id"]) if stored else 0


def champion(
    conn: db.Connection, site_id: str, target: str, step_s: int = STEP_S, model: str = LEARNED
) -> Version | None:
    """The version in force for a target on a grid, with its weights; None before the first."""
    found = db.row(conn, "forecast_champion", site=site_id, target=target, step_s=step_s, model=model)
    return Version(**found) if found else None


def versions(
    conn: db.Connection,
    site_id: str,
    target: str | None = None,
    step_s: int | None = None,
    model: str | None = None,
) -> list[Version]:
    """A site's versions, newest first, without their weights; of one target, grid or model where named."""
    found = db.rows(conn, "forecast_versions", site=site_id, target=target, step_s=step_s, model=model)
    return [Version(**row) for row in found]


def load(version: Version) -> LstmForecaster:
    """Make a stored model ready to forecast.

    Raises:
        InputError: the weights are gone or not what was stored, or the card does not fit them.
    """
    from forecast.models.lstm import LstmForecaster  # noqa: PLC0415  # torch takes seconds to import

    weights = _checked_weights(version)
    try:
        model = LstmForecaster.load(version.card, weights)
        unknown = [name for name in model.spec.candidates if name not in CANDIDATES]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unfit_card(version, f"{type(error).__name__}: {error}") from error
    if unknown:
        raise _unfit_card(version, f"candidates {', '.join(unknown)}")
    if (model.task.target, model.task.step_s) != (version.target, version.step_s):
        raise _unfit_card(version, f"{model.task.target} at {model.task.step_s} s")
    return model


def loads(version: Version) -> bool:
    """Whether a stored model can be used: neither of an earlier configuration nor tampered with."""
    try:
        load(version)
    except InputError:
        return False
    return True


def _checked_weights(version: Version) -> bytes:
    found = sha256(version.weights).hexdigest() if version.weights else "none"
    wanted = {version.weights_sha256, version.card.get("weights_sha256", version.weights_sha256)}
    if version.weights is None or wanted != {found}:
        raise InputError(
            f"weights of model version {version.model_version_id}",
            found=f"checksum {found[:12]}",
            allowed=f"{' and '.join(sorted(w[:12] for w in wanted - {found}))}, as it was stored",
            do="train again or put an earlier version in force",
        )
    return version.weights


def _unfit_card(version: Version, found: str) -> InputError:
    return InputError(
        f"card of model version {version.model_version_id}",
        found=found,
        allowed=f"task and configuration of {version.target} at {version.step_s} s as this code stores them",
        do="train again or put another version in force",
    )


def promote(
    conn: db.Connection, site_id: str, version_id: int, *, at: datetime, actor: str, reason: str
) -> Version:
    """Put a version in force and retire the champion of its task, both or neither.

    Args:
        conn: connection.
        site_id: the site.
        version_id: the version.
        at: when.
        actor: who does it.
        reason: why.

    Returns:
        The version as it was.

    Raises:
        InputError: the site has no such version, or its weights are gone.
    """
    found = {v.model_version_id: v for v in versions(conn, site_id)}
    if version_id not in found:
        raise InputError(
            "model version",
            found=str(version_id),
            allowed=", ".join(map(str, sorted(found))) or "none: nothing has been trained yet",
            do="choose one of these",
        )
    chosen = found[version_id]
    if chosen.status != "champion":
        _put_in_force(conn, site_id, chosen, at=at, actor=actor, reason=reason, takes_back=False)
    return chosen


def rollback(
    conn: db.Connection,
    site_id: str,
    target: str,
    step_s: int = STEP_S,
    *,
    at: datetime,
    actor: str,
    reason: str,
    model: str = LEARNED,
) -> Version:
    """Put back what was in force before the champion; done twice, what was in force before that.

    Returns:
        The version that is in force now, as it was.

    Raises:
        InputError: there was nothing before, or its weights are gone.
    """
    task = {"target": target, "step_s": step_s, "model": model}
    before = standing(db.rows(conn, "forecast_promotions", site=site_id, **task))[:-1]
    if not before:
        raise InputError(
            f"version of {target} at {step_s} s in force before",
            found="none",
            allowed="a version that was replaced by another",
            do="see `joulecast forecast models`, and promote one of them",
        )
    known = {v.model_version_id: v for v in versions(conn, site_id, target, step_s, model)}
    chosen = known[before[-1]]
    _put_in_force(conn, site_id, chosen, at=at, actor=actor, reason=reason, takes_back=True)
    return chosen


def standing(promotions: Sequence[db.Row]) -> list[int]:
    """Versions in the order in which they came into force, without what was taken back; the last is in force.

    Args:
        promotions: rows of `model_version_id` and `takes_back`, in order.
    """
    order: list[int] = []
    for row in promotions:
        if row["takes_back"]:
            del order[-1:]
        else:
            order.append(row["model_version_id"])
    return order


def _put_in_force(
    conn: db.Connection,
    site_id: str,
    chosen: Version,
    *,
    at: datetime,
    actor: str,
    reason: str,
    takes_back: bool,
) -> None:
    if not chosen.has_weights:
        raise InputError(
            f"weights of model version {chosen.model_version_id}",
            found="none",
            allowed=f"one of the newest {WEIGHTS_KEPT} versions of a task, which keep theirs",
            do="choose another, or train again",
        )
    task = {"site": site_id, "target": chosen.target, "step_s": chosen.step_s, "model": chosen.model}
    with conn.transaction():
        db.rows(conn, "forecast_lock_task", **task)
        db.rows(conn, "forecast_retire_champion", **task)
        db.rows(conn, "forecast_promote", model_version_id=chosen.model_version_id)
        db.rows(
            conn,
            "forecast_insert_promotion",
            model_version_id=chosen.model_version_id,
            at=at,
            actor=actor,
            reason=reason,
            takes_back=takes_back,
        )


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

"""The one way in which a recommendation changes its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core import db

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.actions import State


def move(
    conn: db.Connection,
    recommendation_id: int,
    wanted: State,
    *,
    at: datetime,
    actor: str,
    reason: str,
    due: datetime | None = None,
    version: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> bool:
    """Take a recommendation one step further, in the caller's transaction; the only way there is.

    Args:
        conn: connection.
        recommendation_id: which one.
        wanted: the state to take on.
        at: plant time.
        actor: who does it.
        reason: why.
        due: when the new state ends by itself; needed where it is a key of `WHEN_DUE`.
        version: the version that the actor saw; none: whatever it is.
        detail: versions of model, calibration and data behind it.

    Returns:
        False where somebody else was first, or where there is no such step.
    """
    row = db.row(
        conn,
        "move",
        id=recommendation_id,
        wanted=wanted.value,
        version=version,
        at=at,
        actor=actor,
        reason=reason,
        detail=db.json(dict(detail or {})),
        due=due,
    )
    return bool(row and row["done"])

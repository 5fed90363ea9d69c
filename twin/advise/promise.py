"""What recommendations promised and what came of it, and how wide their intervals should have been."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core import db
from core.actions import Setpoint
from core.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.site import Site

PROMISES: Final = 200
"""How many promises are looked back on."""
COVERED_RATIO: Final = 0.8
"""So many should be covered [1]."""
VERIFIED_MIN: Final = 20
"""Fewer verified savings than this leave the interval as the twin has it; as many again draw it half way."""
SCALE_MIN, SCALE_MAX = 0.5, 3.0
"""No record makes an interval narrower or wider than so many times [1]."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a recommendation promised and what came of it, as mean power."""

    number: int
    """The recommendation's."""
    setpoint: Setpoint
    """What it changed."""
    promised_kw: tuple[float, float, float]
    """p10, p50, p90 [kW]."""
    verified_kw: tuple[float, float, float]
    """p10, p50, p90 [kW]; of a shadow what the twin says afterwards, without a spread."""
    shadow: bool
    """Whether it was only shown."""
    scale: float = 1.0
    """How many times as wide the promised interval was made, by the record as it was then [1]."""

    @property
    def error_kw(self) -> float:
        """Verified less promised [kW]."""
        return self.verified_kw[1] - self.promised_kw[1]

    @property
    def spread_kw(self) -> float:
        """Half of that difference's 80 % range [kW]: the promise's and the measurement's in quadrature."""
        return float(np.hypot(half_kw(self.promised_kw), half_kw(self.verified_kw)))

    @property
    def covered(self) -> bool:
        """Whether the promise held within both intervals: it should in eight cases out of ten."""
        return abs(self.error_kw) <= self.spread_kw

    @property
    def needed(self) -> float:
        """How many times as wide as the twin said the promise would have had to be to be covered [1]."""
        promised, measured = (half_kw(three) for three in (self.promised_kw, self.verified_kw))
        beyond = float(np.sqrt(max(self.error_kw**2 - measured**2, 0.0)))
        return self.scale * beyond / promised if promised > 0 else float(beyond > 0) * SCALE_MAX

    @property
    def weight(self) -> float:
        """How much it tells of promises [1]: half where its measurement is as uncertain as they are."""
        promised, measured = (half_kw(three) ** 2 for three in (self.promised_kw, self.verified_kw))
        return promised / (promised + measured) if promised > 0 else 0.0


def half_kw(interval: tuple[float, float, float]) -> float:
    """Half the range from p10 to p90 [kW]."""
    return (interval[2] - interval[0]) / 2


def interval_scale(verified: Sequence[Promise]) -> float:
    """How many times as wide the interval of a saving must be so that eight in ten are covered [1].

    The conformal quantile of what each verified promise would have needed; 1 where there are too few, and
    drawn to 1 the more, the less they tell.

    Args:
        verified: promises that were measured.
    """
    count = len(verified)
    if count < VERIFIED_MIN:
        return 1.0
    rank = min(math.ceil(COVERED_RATIO * (count + 1)), count)
    needed = sorted(promise.needed for promise in verified)[rank - 1]
    told = sum(promise.weight for promise in verified)
    bounded = min(max(needed, SCALE_MIN), SCALE_MAX)
    return float(bounded ** (told / (told + VERIFIED_MIN)))


def promises(conn: db.Connection, site: Site) -> tuple[Promise, ...]:
    """What the newest recommendations promised and what came of it, verified ones first."""
    shadows = db.rows(conn, "advice_shadow_scores", site=site.id, count=PROMISES)
    return verified(conn, site) + tuple(_promise(_as_verified(row)) for row in shadows)


def verified(conn: db.Connection, site: Site) -> tuple[Promise, ...]:
    """Those whose saving was measured."""
    rows = db.rows(conn, "advice_verified", site=site.id, count=PROMISES)
    return tuple(_promise(row) for row in rows)


def _as_verified(row: db.Row) -> db.Row:
    kw = row["advised_kwh"] / ((row["period_to"] - row["period_from"]).total_seconds() / SECONDS_PER_HOUR)
    return {**row, **{f"verified_{name}_kw": kw for name in ("p10", "p50", "p90")}}


def _promise(row: db.Row) -> Promise:
    def three(name: str) -> tuple[float, float, float]:
        return row[f"{name}_p10_kw"], row[f"{name}_p50_kw"], row[f"{name}_p90_kw"]

    return Promise(
        number=row["number"],
        setpoint=Setpoint(row["changes"][0]["setpoint"]),
        promised_kw=three("promised"),
        verified_kw=three("verified"),
        shadow="advised_kwh" in row,
        scale=row.get("promised_scale") or 1.0,
    )

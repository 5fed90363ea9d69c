"""What a card is worth and what the gates look at, by its kind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.actions import Change
from twin.advise import life
from twin.advise.assess import beyond
from twin.advise.evidence import Benefit, Worth

if TYPE_CHECKING:
    from core.actions import Authority
    from twin.advise.assess import Assessment
    from twin.advise.brief import Brief
    from twin.advise.evidence import Evidence


def weigh(
    seen: Brief, kind: str, changes: tuple[Change, ...], allowed: Authority
) -> tuple[Evidence, Assessment]:
    """The evidence for a card as of now, and its figures.

    Args:
        seen: all that is known.
        kind: the card's.
        changes: the card's.
        allowed: how far advice may go on them.
    """
    if kind == life.RENEWAL:
        evidence, assessment = _keeping(seen, changes[0])
    else:
        assessment = seen.assess(changes)
        evidence = seen.evidence(changes, assessment)
    return replace(evidence, authority=allowed), assessment


def _keeping(seen: Brief, change: Change) -> tuple[Evidence, Assessment]:
    """A value that is held already, against letting the plant go back to its own."""
    stay = (Change(change.setpoint, change.to_c, change.to_c),)
    held = seen.assess(stay)
    left = seen.assess((Change(change.setpoint, change.to_c, change.from_c),))
    lost = left.benefit
    assessment = replace(
        held,
        benefit=Benefit(
            p10_kw=-lost.p90_kw,
            p50_kw=-lost.p50_kw,
            p90_kw=-lost.p10_kw,
            facility_kw=left.facility_kw_after,
            worth=None if lost.worth is None else _kept(lost.worth),
        ),
        attribution={part: -kw for part, kw in left.attribution.items()},
        worth={part: -value for part, value in left.worth.items()},
        water_l_per_h=-left.water_l_per_h,
        beyond_error_ratio=beyond(-lost.p50_kw, left.error_kw),
        error_kw=left.error_kw,
        facility_kw_after=lost.facility_kw,
        pue_before=left.pue_after,
        pue_after=left.pue_before,
    )
    return seen.evidence(stay, assessment), assessment


def _kept(lost: Worth) -> Worth:
    """What is kept where going back would lose this."""
    return Worth(lost.unit, -lost.p90, -lost.p50, -lost.p10, lost.without - lost.p50)


def without(evidence: Evidence, number: int) -> Evidence:
    """The same where a recommendation itself is what is under way."""
    motion = evidence.motion
    others = tuple(what for what in motion.under_way if not what.startswith(f"recommendation {number} "))
    return replace(evidence, motion=replace(motion, under_way=others))

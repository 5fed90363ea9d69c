"""What `joulecast twin validate` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Group

from joulecast.verbs.common import table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from twin.validate import Baseline, Beyond, Row, Validation

STAR_MEANS: Final = "* modelled + learned; the rest is modelled"
RANGES: Final = 20
"""How many ranges outside the envelope, and how many masks, a person is shown; JSON has them all."""


def validation_text(found: Validation) -> RenderableType:
    """Tables: errors inside and outside, PUE, hours outside, what was masked."""
    title = (
        f"calibration {found.calibration_id} on {found.basis}: {found.start:%Y-%m-%d %H:%M} to "
        f"{found.end:%Y-%m-%d %H:%M} UTC, {found.hours_inside} h inside its envelope, "
        f"{found.hours_outside} h outside, {found.hours_incomplete} h incomplete"
    )
    rows = [_error(row) | {"quantity": starred(row.quantity, found.kind(row.quantity))} for row in found.rows]
    parts: list[RenderableType] = [table(rows, title=title), *([STAR_MEANS] if found.learned else [])]
    parts.append(found.residual)
    if found.pue is not None:
        pue = found.pue
        parts.append(
            f"PUE, {found.kind('pue')}, mean absolute error over {pue.hours} h: twin {pue.twin:.4f}, "
            f"same hour yesterday {_or_none(pue.yesterday)}, constant PUE {_or_none(pue.constant)}"
        )
    parts.append("NMBE and CV(RMSE) as in ASHRAE Guideline 14-2014, hourly, n - p with p = 1.")
    if found.outside:
        ranges = [
            {
                "from": f"{r.start:%Y-%m-%d %H:%M}",
                "to": f"{r.end:%Y-%m-%d %H:%M}",
                "hours": r.hours,
                "why": why,
            }
            for r in found.outside[:RANGES]
            for why in ["; ".join(map(beyond_text, r.why))]
        ]
        parts.append(table(ranges, title=f"outside the envelope ({len(found.outside)} ranges, UTC)"))
    if found.findings:
        masked = [finding.to_json() for finding in found.findings[:RANGES]]
        parts.append(table(masked, title=f"missing or masked ({len(found.findings)})"))
    return Group(*parts)


def starred(name: str, kind: str) -> str:
    """A quantity's name, with a star where a learned part is in its number."""
    return name if kind == "modelled" else f"{name} *"


def beyond_text(beyond: Beyond) -> str:
    """One condition outside the envelope."""
    low, high = beyond.envelope
    return f"{beyond.condition} {beyond.low:.1f} to {beyond.high:.1f}, calibrated on {low:.1f} to {high:.1f}"


def _error(row: Row) -> dict[str, Any]:
    twin = row.twin
    return {
        "quantity": row.quantity,
        "envelope": "inside" if row.inside else "outside",
        "hours": twin.hours,
        "mean": twin.mean,
        "nmbe_percent": None if twin.nmbe_ratio is None else 100 * twin.nmbe_ratio,
        "cv_rmse_percent": None if twin.cv_rmse_ratio is None else 100 * twin.cv_rmse_ratio,
        "mae": twin.mae,
        "rmse": twin.rmse,
        "rmse_of_baselines": "; ".join(map(_baseline, row.baselines)),
    }


def _baseline(baseline: Baseline) -> str:
    won = " (nearer than the twin)" if baseline.wins else ""
    return f"{baseline.name} {baseline.error.rmse:.3g}{won}"


def _or_none(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"

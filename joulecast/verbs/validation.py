"""What `joulecast twin validate` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group

from joulecast.verbs.common import table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from twin.validate import Baseline, Beyond, Row, Validation

STAR_MEANS: Final = "* modelled + learned; the rest is modelled"
GUESSES_MEAN: Final = (
    "kW; of the inlet degC and K. Day ago and ratio: RMSE of the same hour of yesterday, and of IT power "
    "times a constant; ! where that guess is nearer than the twin."
)
WHOLE_FROM: Final = 100.0
"""Figures from here on are shown without decimals."""
RANGES: Final = 20
"""How many ranges outside the envelope, and how many masks, a person is shown; JSON has them all."""


def validation_text(found: Validation) -> RenderableType:
    """Tables: errors inside and outside, PUE, hours outside, what was masked."""
    title = (
        f"calibration {found.calibration_id} on {found.basis}: {found.start:%Y-%m-%d %H:%M} to "
        f"{found.end:%Y-%m-%d %H:%M} UTC, {found.hours_inside} h inside its envelope, "
        f"{found.hours_outside} h outside, {found.hours_incomplete} h incomplete"
    )
    parts: list[RenderableType] = [title]
    for inside in (True, False):
        rows = [_error(row, found) for row in found.rows if row.inside is inside]
        if rows:
            parts.append(table(rows, title=f"{'inside' if inside else 'outside'} the envelope"))
    parts.append(GUESSES_MEAN)
    parts += [STAR_MEANS] if found.learned else []
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


def _error(row: Row, found: Validation) -> dict[str, str]:
    """A line that fits a narrow terminal."""
    from twin.validate import CONSTANT, YESTERDAY  # noqa: PLC0415  # each verb imports only its own room

    twin = row.twin
    guesses = {baseline.name: baseline for baseline in row.baselines}
    return {
        "quantity": starred(row.quantity, found.kind(row.quantity)),
        "hours": str(twin.hours),
        "mean": _short(twin.mean),
        "nmbe %": _percent(twin.nmbe_ratio, "+.1f"),
        "cv %": _percent(twin.cv_rmse_ratio, ".1f"),
        "mae": _short(twin.mae),
        "rmse": _short(twin.rmse),
        "day ago": _guess(guesses.get(YESTERDAY)),
        "ratio": _guess(guesses.get(CONSTANT)),
    }


def _percent(ratio: float | None, form: str) -> str:
    return "" if ratio is None else format(round(100 * ratio, 1) + 0.0, form)


def _guess(baseline: Baseline | None) -> str:
    if baseline is None:
        return ""
    return f"{_short(baseline.error.rmse)}{' !' if baseline.wins else ''}"


def _short(value: float) -> str:
    """Without decimals where it is large, with two at most."""
    return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.2f}"


def _or_none(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"

"""The safety gates: nothing is accepted that has not passed every one of them.

A new gate is one function and its line in `GATES`. Nothing outside this module can make an `Accepted`, and
only an `Accepted` opens the way to a command.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Any, Final

from core.actions import Authority, Setpoint
from core.errors import JoulecastError
from core.limits import CHANGES_PER_HOUR_MAX
from core.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.actions import Change
    from twin.advise.evidence import Benefit, Evidence

INLETS_LIVE_MIN_RATIO: Final = 0.9
"""Least share of the inlet sensors that must be GOOD and fresh [1]."""
HYSTERESIS_MIN_KW: Final = 0.5
"""A change that saves less is not worth an operator's time [kW]."""
HYSTERESIS_RATIO: Final = 0.001
"""The same, as a share of the facility's power, or of the objective [1]; the larger of the two counts. One
kelvin of chilled water is worth 2 to 6 % of a chiller's power, some 0.3 to 0.8 % of a facility's, one of
condenser water about half: asking for much more would forbid every single step of a long way."""
SETTLE_S: Final = 900.0
"""Least time between changes of two different loops, for the first to settle [s]."""
MISSES_MAX: Final = 2
"""So many misses in a row suspend advice on a setpoint until someone looks."""
UNMET_MAX_KW: Final = 0.1
"""Heat left unremoved that is taken for rounding [kW]."""
TOLERANCE_K: Final = 1e-6
"""Rounding of temperatures [K]."""
DRIFT_MAX_K: Final = 0.05
"""A setpoint further than this from where the change begins has been moved since [K]."""

_KEY: Final = object()


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate's verdict."""

    gate: str
    """The gate's name."""
    ok: bool
    """Whether the change may pass."""
    reason: str
    """Why, with the numbers."""

    def as_json(self) -> dict[str, Any]:
        """As it is stored with the recommendation."""
        return {"gate": self.gate, "ok": self.ok, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Every gate is passed; made by `judge` and nowhere else."""

    changes: tuple[Change, ...]
    """What may be commanded."""
    operator: str
    """Who accepted."""
    results: tuple[GateResult, ...]
    """Every gate's verdict."""
    key: InitVar[object]

    def __post_init__(self, key: object) -> None:
        if key is not _KEY:
            raise UngatedError


@dataclass(frozen=True, slots=True)
class Rejected:
    """At least one gate is shut."""

    results: tuple[GateResult, ...]
    """Every gate's verdict."""

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """The gates that are shut."""
        return tuple(result for result in self.results if not result.ok)

    @property
    def only_waits(self) -> bool:
        """Whether nothing is missing but an operator: such a change may be proposed."""
        return all(result.gate == HUMAN for result in self.failed)

    @property
    def reason(self) -> str:
        """Why, in words; that an operator has not decided yet is a reason only where there is no other."""
        told = [result for result in self.failed if self.only_waits or result.gate != HUMAN]
        return "; ".join(f"{result.gate}: {result.reason}" for result in told)


Verdict = Accepted | Rejected


class UngatedError(JoulecastError):
    """Somebody tried to accept a change past the gates."""

    def __init__(self) -> None:
        super().__init__("only the safety gates accept a change")


def _result(gate: str, faults: list[str], good: str) -> GateResult:
    return GateResult(gate, not faults, "; ".join(faults) if faults else good)


def data(evidence: Evidence) -> GateResult:
    """All inputs GOOD and fresh, and at least nine inlet sensors in ten alive."""
    seen = evidence.data
    faults = [f"{ref} has never been read" for ref in seen.missing]
    faults += [f"{ref} is {status}, not GOOD" for ref, status in seen.bad]
    faults += [f"{ref} is {age:.0f} s old, {most:.0f} s allowed" for ref, age, most in seen.stale]
    if seen.inlets_live < INLETS_LIVE_MIN_RATIO * seen.inlets_total:
        faults.append(
            f"{seen.inlets_live} of {seen.inlets_total} inlet sensors are live,"
            f" {INLETS_LIVE_MIN_RATIO:.0%} needed"
        )
        faults += [f"{ref} is {status}, not GOOD" for ref, status in seen.inlets_bad]
    good = (
        f"{seen.inputs} inputs are good and at most {seen.oldest_s:.0f} s old;"
        f" {seen.inlets_live} of {seen.inlets_total} inlet sensors are live"
    )
    return _result("data", faults, good)


def model(evidence: Evidence) -> GateResult:
    """A calibrated twin inside its envelope that agrees with the meters, and a forecast worth its name."""
    quality = evidence.model
    faults = [] if quality.calibration_id is not None else ["the twin has not been calibrated yet"]
    if quality.refusal:
        faults.append(f"the calibration is no good: {quality.refusal}")
    faults += [f"outside the calibrated envelope: {what}" for what in quality.outside]
    # written so that a NaN shuts the gate
    faults += [
        f"the {seen.name} is {seen.error:+.1f} {seen.unit} off the twin's, {seen.allowed:.1f} allowed"
        for seen in quality.errors
        if not abs(seen.error) <= seen.allowed
    ]
    if not quality.forecast_model:
        faults.append("there is no forecast of the IT power")
    elif quality.forecast_age_s > quality.forecast_age_max_s:
        faults.append(
            f"the {quality.forecast_model} forecast is {quality.forecast_age_s:.0f} s old,"
            f" {quality.forecast_age_max_s:.0f} s allowed"
        )
    if quality.forecast_model and quality.covered_h < quality.horizon_h - 1e-9:
        faults.append(
            f"the forecast reaches {quality.covered_h:.1f} h ahead, {quality.horizon_h:.1f} h needed"
        )
    if quality.forecast_skill is not None and not quality.forecast_skill > 0:
        faults.append(
            f"the {quality.forecast_model} forecast has lately been no better than the naive one"
            f" ({quality.forecast_skill:+.0%})"
        )
    good = (
        f"calibration {quality.calibration_id} holds here; the {quality.forecast_model} forecast is"
        f" {quality.forecast_age_s / 60:.0f} min old and reaches {quality.covered_h:.1f} h ahead"
    )
    return _result("model", faults, good)


def bounds(evidence: Evidence) -> GateResult:
    """Inside what operator, equipment, thermal class and, where advice acts by itself, its envelope allow."""
    faults, good = [], []
    for change in evidence.changes:
        if change.setpoint not in evidence.site.setpoints:
            faults.append(f"{words(change.setpoint)} may not be changed at this site")
            continue
        for whose, low_c, high_c in _allowed(evidence, change):
            span = f"{low_c:.1f} to {high_c:.1f} °C ({whose})"
            if not low_c - TOLERANCE_K <= change.to_c <= high_c + TOLERANCE_K:
                faults.append(f"{words(change.setpoint)} {change.to_c:.1f} °C is outside {span}")
            good.append(f"{words(change.setpoint)} {change.to_c:.1f} °C is inside {span}")
    return _result("bounds", faults, "; ".join(good))


def _allowed(evidence: Evidence, change: Change) -> list[tuple[str, float, float]]:
    """Whose limit, lowest and highest [degC]; a change must be inside all of them."""
    site = evidence.site
    allowed = site.setpoints[change.setpoint]
    found = [("operator and equipment", allowed.low_c, allowed.high_c)]
    if change.setpoint is Setpoint.SUPPLY_AIR_TEMPERATURE:
        envelope = site.limits.envelope
        # air that is outside already may come back in more steps than one
        low_c = min(envelope.allowable_low_c, change.from_c)
        high_c = max(envelope.recommended_high_c, change.from_c)
        found.append((f"class {site.limits.thermal_class}", low_c, high_c))
    own = site.advice.auto_envelope.get(change.setpoint)
    if evidence.authority is Authority.AUTO_BOUNDED and own:
        found.append(("envelope of automatic acceptance", own.low_c, own.high_c))
    return found


def motion(evidence: Evidence) -> GateResult:
    """One loop and one step at a time, time to settle in between, and nothing while the plant is busy."""
    seen = evidence.motion
    faults = ["all advice is on hold"] if evidence.held else []
    faults += [f"{what} is still under way" for what in seen.under_way]
    faults += [f"an alarm stands: {what}" for what in seen.alarms]
    if seen.staging:
        faults.append(f"the plant is staging: {seen.staging}")
    if seen.change_freeze:
        faults.append(f"no changes now: {seen.change_freeze}")
    if len(evidence.changes) != 1:
        faults.append(f"{len(evidence.changes)} loops would change at once, one is allowed")
    for change in evidence.changes:
        faults += _moves(evidence, change)
    good = "; ".join(
        f"a step of {change.step_k:+.1f} K, {_ago(seen.since_change_s[change.setpoint])}"
        for change in evidence.changes
        if change.setpoint in seen.since_change_s
    )
    return _result("motion", faults, good)


def _moves(evidence: Evidence, change: Change) -> list[str]:
    seen, name = evidence.motion, words(change.setpoint)
    allowed = evidence.site.setpoints.get(change.setpoint)
    current_c = seen.in_force.get(change.setpoint)
    if allowed is None or current_c is None:
        return [f"{name} in force is not known"]
    faults = []
    if abs(current_c - change.from_c) > DRIFT_MAX_K:
        faults.append(f"{name} is at {current_c:.1f} °C now, the change begins at {change.from_c:.1f} °C")
    if abs(change.step_k) > allowed.step_max_k + TOLERANCE_K:
        faults.append(f"a step of {change.step_k:+.1f} K, {allowed.step_max_k:.1f} K allowed")
    since_s = seen.since_change_s.get(change.setpoint, float("inf"))
    rate = abs(change.step_k) * SECONDS_PER_HOUR / since_s if since_s > 0 else float("inf")
    if rate > allowed.rate_max_k_per_h + TOLERANCE_K:
        faults.append(f"{rate:.1f} K/h since the last step, {allowed.rate_max_k_per_h:.1f} K/h allowed")
    count = seen.changes_last_hour.get(change.setpoint, 0)
    if count >= CHANGES_PER_HOUR_MAX:
        faults.append(f"{name} has changed {count} times in an hour, {CHANGES_PER_HOUR_MAX} allowed")
    for setpoint, since_s in seen.since_change_s.items():
        hold_s = allowed.hold_s if setpoint is change.setpoint else SETTLE_S
        if since_s < hold_s:
            faults.append(f"{words(setpoint)} changed {since_s:.0f} s ago, {hold_s:.0f} s to wait")
    return faults


def _ago(since_s: float) -> str:
    return f"the last one {since_s / 60:.0f} min ago" if since_s < float("inf") else "the first one in 24 h"


def prediction(evidence: Evidence) -> GateResult:
    """Worst inlet at p90 load and p90 wet bulb under its limit, also with a chiller and a CRAH lost.

    An inlet that would be too warm anyway may be brought down in more steps than one, and by a plant that
    would be short with units lost.
    """
    seen = evidence.prediction
    faults = []
    # written so that a NaN shuts the gate
    if not (seen.inlet_c <= seen.inlet_limit_c + TOLERANCE_K or seen.protects):
        faults.append(
            f"worst inlet {seen.inlet_c:.1f} °C, limit {seen.inlet_limit_c:.1f} °C"
            f" ({seen.margin_k:.1f} K margin)"
        )
    n1_limit_c = max(seen.n1_limit_c, seen.n1_inlet_now_c) if seen.protects else seen.n1_limit_c
    if not seen.n1_inlet_c <= n1_limit_c + TOLERANCE_K:
        faults.append(
            f"worst inlet {seen.n1_inlet_c:.1f} °C with one chiller and one CRAH lost,"
            f" limit {seen.n1_limit_c:.1f} °C"
        )
    if not seen.unmet_kw <= UNMET_MAX_KW:
        faults.append(f"{seen.unmet_kw:.1f} kW of heat would not be removed")
    if not (seen.n1_unmet_kw <= seen.n1_unmet_now_kw + UNMET_MAX_KW or seen.protects):
        faults.append(
            f"{seen.n1_unmet_kw:.0f} kW of heat would not be removed with one chiller and one CRAH lost,"
            f" {seen.n1_unmet_now_kw:.0f} kW without the change"
        )
    if not seen.dew_point_c <= seen.dew_point_limit_c + TOLERANCE_K:
        faults.append(
            f"dew point of the halls {seen.dew_point_c:.1f} °C, limit {seen.dew_point_limit_c:.1f} °C"
        )
    if not (seen.part_load_ratio >= seen.part_load_min_ratio - TOLERANCE_K or seen.protects):
        faults.append(
            f"a chiller would run at {seen.part_load_ratio:.0%} of its load,"
            f" {seen.part_load_min_ratio:.0%} at least"
        )
    if seen.extrapolated:
        faults.append("a component would run outside the range of its curves")
    good = (
        f"worst inlet {seen.inlet_c:.1f} °C, limit {seen.inlet_limit_c:.1f} °C;"
        f" with one chiller and one CRAH lost {seen.n1_inlet_c:.1f} °C, limit {seen.n1_limit_c:.1f} °C"
    )
    if seen.n1_unmet_now_kw > UNMET_MAX_KW:
        good += f", and {seen.n1_unmet_kw:.0f} kW short of cooling as without the change"
    return _result("prediction", faults, good)


def hysteresis_kw(facility_kw: float) -> float:
    """The smallest saving worth a change [kW]."""
    return max(HYSTERESIS_MIN_KW, HYSTERESIS_RATIO * facility_kw)


def benefit(evidence: Evidence) -> GateResult:
    """A saving in nine cases of ten, and a median one that is worth the change, in the objective's own unit.

    The hysteresis keeps advice from troubling an operator over a trifle. Where a proposal stands they have
    been troubled already, and any saving will do: a card does not come and go with a tenth of a kilowatt.
    A change that keeps an inlet from becoming too warm needs no saving.
    """
    seen = evidence.prediction
    if seen.protects:
        limit = f"{seen.inlet_limit_c:.1f} °C"
        good = f"takes the worst inlet from {seen.inlet_now_c:.1f} to {seen.inlet_c:.1f} °C, limit {limit}"
        return _result("benefit", [], good)
    unit, p10, p50, p90, needed = amounts(evidence.benefit)
    needed = 0.0 if evidence.standing else needed
    faults = []
    if not p10 > 0:
        faults.append(f"one case in ten saves {p10:.1f} {unit} or less, which is no saving")
    if not p50 > needed:
        faults.append(f"{p50:.1f} {unit} expected, more than {needed:.1f} {unit} needed")
    good = f"{p50:.1f} {unit} expected ({p10:.1f} to {p90:.1f} {unit}), {needed:.1f} {unit} needed"
    return _result("benefit", faults, good)


def amounts(seen: Benefit) -> tuple[str, float, float, float, float]:
    """Unit, p10, p50 and p90 of the saving, and the least that is worth a change."""
    if seen.worth is None:
        return "kW", seen.p10_kw, seen.p50_kw, seen.p90_kw, hysteresis_kw(seen.facility_kw)
    worth = seen.worth
    return worth.unit, worth.p10, worth.p50, worth.p90, HYSTERESIS_RATIO * worth.without


HUMAN: Final = "human"


def human(evidence: Evidence) -> GateResult:
    """An operator accepts by name what may be accepted at all."""
    name = (evidence.operator or "").strip()
    faults = [] if name else ["waits for an operator"]
    if evidence.authority is Authority.SHADOW:
        faults = ["advice is only scored here (authority shadow), it cannot be accepted"]
    return _result(HUMAN, faults, f"accepted by {name}, authority {words(evidence.authority)}")


def verification(evidence: Evidence) -> GateResult:
    """The saving of the last change has been measured, and the last ones were no disappointment."""
    if evidence.prediction.protects:
        return _result("verification", [], "does not wait: without it an inlet becomes too warm")
    faults = []
    for change in evidence.changes:
        name = words(change.setpoint)
        if change.setpoint in evidence.record.unverified:
            faults.append(f"the last change of {name} has not been verified yet")
        misses = evidence.record.misses.get(change.setpoint, 0)
        if misses >= MISSES_MAX:
            faults.append(f"{misses} savings in a row were missed on {name}; acknowledge the alarm to resume")
    return _result("verification", faults, "no earlier change waits to be measured")


GATES: Final[tuple[Callable[[Evidence], GateResult], ...]] = (
    data,
    model,
    bounds,
    motion,
    prediction,
    benefit,
    human,
    verification,
)
"""Every gate, in the order in which they are shown."""


def judge(evidence: Evidence) -> Verdict:
    """Pass a change through every gate; all are asked, so that every reason is known."""
    results = tuple(gate(evidence) for gate in GATES)
    if all(result.ok for result in results):
        return Accepted(evidence.changes, (evidence.operator or "").strip(), results, _KEY)
    return Rejected(results)


def words(name: Setpoint | Authority) -> str:
    """A name as people say it."""
    return name.replace("_", " ")

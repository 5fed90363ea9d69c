"""Everything that is known at one moment, gathered once: what advice, gates and cards are made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.actions import Change, Setpoint
from core.errors import NotReadyError
from twin import calibrate
from twin.advise import assess as assessing
from twin.advise import observe, outlook, reset
from twin.advise.evidence import Evidence, ModelQuality
from twin.advise.record import read_record
from twin.advise.safety import MISSES_MAX, SETTLE_S, TOLERANCE_K, words
from twin.advise.search import Candidate, Objective, Situation, search
from twin.network import Conditions, Parameters, Setpoints, reference_load_kw, solve

if TYPE_CHECKING:
    from core import db
    from core.clock import Clock
    from core.site import Site
    from twin.advise.assess import Assessment
    from twin.advise.evidence import Record
    from twin.advise.observe import Observation
    from twin.advise.outlook import Load, Weather
    from twin.calibrate import Calibration


ENVELOPE_MARGIN_RATIO: Final = 0.1
"""How far load and weather may lie outside what the calibration has seen, over its width [1]. A setpoint may
lie one step outside: otherwise a plant that has always held still could never be advised to move."""
DRAWN: Final = 16
"""How many plants are drawn from the calibration's covariance."""


@dataclass(frozen=True, slots=True)
class Brief:
    """One moment's knowledge."""

    site: Site
    """The plant's description."""
    now: Observation
    """The plant as measured."""
    calibration: Calibration
    """How the twin was fitted."""
    parameters: Parameters
    """The fitted twin."""
    drawn: tuple[Parameters, ...]
    """Other plants that the calibration's data allow."""
    load: Load
    """IT power to come."""
    weather: Weather
    """Weather to come."""
    situation: Situation
    """What the search works on."""
    quality: ModelQuality
    """Whether twin and forecast may be believed here."""
    record: Record
    """How earlier advice did."""
    objective: Objective = Objective.FACILITY_ENERGY
    """What to make small."""

    def assess(self, changes: tuple[Change, ...]) -> Assessment:
        """What changes are worth and what they risk."""
        return assessing.assess(self.parameters, self.situation, self.site, changes, self.drawn)

    def evidence(self, changes: tuple[Change, ...], assessment: Assessment) -> Evidence:
        """What the gates look at."""
        return Evidence(
            site=self.site,
            changes=changes,
            data=self.now.quality,
            model=replace(self.quality, outside=self._outside(changes)),
            motion=self.now.motion,
            prediction=assessment.prediction,
            benefit=assessment.benefit,
            record=self.record,
        )

    def _outside(self, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """What of the expected hours and of the change lies outside the calibrated envelope, in words."""
        envelope, ahead = self.calibration.envelope, self.situation.outlook
        found = {
            "it_reference_kw": (ahead.it_reference_kw[outlook.MEDIAN], "IT load {:.0f} kW"),
            "dry_bulb_c": (ahead.dry_bulb_c, "dry bulb {:.1f} °C"),
            "wet_bulb_c": (ahead.wet_bulb_c[outlook.MEDIAN], "wet bulb {:.1f} °C"),
        }
        texts = []
        for name, (values, text) in found.items():
            low, high = envelope[name]
            beyond = ENVELOPE_MARGIN_RATIO * (high - low)
            extreme = float(values.min()), float(values.max())
            texts += [text.format(v) for v in extreme if not low - beyond <= v <= high + beyond]
        for change in changes:
            low, high = envelope[f"{change.setpoint.value}_c"]
            beyond = self.site.setpoints[change.setpoint].step_max_k + TOLERANCE_K
            if not low - beyond <= change.to_c <= high + beyond:
                texts.append(f"{words(change.setpoint)} {change.to_c:.1f} °C")
        return tuple(texts)

    @property
    def free(self) -> tuple[Setpoint, ...]:
        """Setpoints whose hold time is over, that wait for no measurement, nor were declined or suspended."""
        motion = self.now.motion
        return tuple(
            setpoint
            for setpoint, bounds in self.site.setpoints.items()
            if motion.since_change_s.get(setpoint, 0.0) >= bounds.hold_s
            and setpoint not in self.record.unverified
            and setpoint not in self.record.declined
            and self.record.misses.get(setpoint, 0) < MISSES_MAX
        )

    def prediction_json(self, assessment: Assessment) -> dict[str, Any]:
        """A card's figures, as they are stored."""
        expected = assessment.prediction
        return {
            "facility_kw_before": assessment.benefit.facility_kw,
            "facility_kw_after": assessment.facility_kw_after,
            "it_kw": assessment.it_kw,
            "pue_before": assessment.pue_before,
            "pue_after": assessment.pue_after,
            "worst_inlet_c": expected.inlet_c,
            "inlet_limit_c": expected.inlet_limit_c,
            "n1_inlet_c": expected.n1_inlet_c,
            "n1_limit_c": expected.n1_limit_c,
            "forecast_model": self.load.model,
            "weather_source": self.weather.source,
            "horizon_h": self.situation.outlook.hours,
            "wet_bulb_c": float(self.weather.wet_bulb_c[outlook.MEDIAN].mean()),
        }

    def together_json(self, found: Candidate) -> dict[str, Any]:
        """What moving all loops at once would save, which no gate lets pass; for comparison with the rule."""
        return {
            "changes": [change_json(change) for change in found.together],
            "saving_expected_kw": found.cost_now - found.cost_together,
        }

    def rule_json(self) -> dict[str, Any]:
        """What the rules would have done, and what that would save."""
        condition = reset.Condition(
            self.now.motion.in_force, self.now.inlets_c, self.now.supply_air_c, self.now.wet_bulb_c
        )
        changes = reset.rule_changes(self.site, condition)
        return {
            "name": reset.RULE_NAME,
            "changes": [change_json(change) for change in changes],
            "saving_p50_kw": self.assess(changes).benefit.p50_kw,
        }

    def sources_json(self) -> dict[str, Any]:
        """The versions behind a recommendation."""
        issued = self.load.issued_at
        return {
            "calibration_id": self.calibration.calibration_id,
            "forecast_model": self.load.model,
            "forecast_issued_at": issued.isoformat() if issued else None,
            "weather_source": self.weather.source,
            "data_at": self.now.at.isoformat(),
        }


def change_json(change: Change) -> dict[str, Any]:
    """A change as it is stored."""
    return {"setpoint": change.setpoint.value, "from_c": change.from_c, "to_c": change.to_c}


def gather(conn: db.Connection, site: Site, clock: Clock) -> Brief:
    """Read readings, calibration, forecast and weather.

    Raises:
        NotReadyError: one of them is missing altogether. What is only stale or doubtful is left to the gates.
    """
    calibration = calibrate.in_use(conn, site)
    now = observe.observe(conn, site, clock)
    if now.quality.missing or not now.inlets_c:
        missing = ", ".join(now.quality.missing) or "the inlet sensors"
        raise NotReadyError(f"no usable reading of {missing}")
    beside: dict[str, Any] = dict(now.held_beside)
    parameters = replace(calibration.parameters(site.plant), **beside)
    unknown = [setpoint.value for setpoint in parameters.setpoints_needed if setpoint not in now.held]
    if unknown:
        raise NotReadyError(f"neither setpoint nor sensor tells the {', '.join(unknown)}")
    load = outlook.load(conn, site, clock)
    if not load.model:
        raise NotReadyError("no fresh forecast of the IT power")
    hours = load.it_kw.shape[1]
    weather = outlook.weather(conn, site, now.at, hours)
    margin_k = float(np.fmax(site.limits.margin_k, calibration.inlet_p95_k))
    rng = np.random.default_rng(calibration.calibration_id)
    return Brief(
        site=site,
        now=now,
        calibration=calibration,
        parameters=parameters,
        drawn=tuple(replace(p, **beside) for p in calibration.samples(site.plant, DRAWN, rng)),
        load=load,
        weather=weather,
        situation=_situation(parameters, now, load, weather, margin_k),
        quality=_model_quality(clock, calibration, load),
        record=read_record(conn, site, now.at),
    )


def _model_quality(clock: Clock, calibration: Calibration, load: Load) -> ModelQuality:
    age = clock.now() - load.issued_at if load.issued_at else timedelta.max
    return ModelQuality(
        calibration_id=calibration.calibration_id,
        refusal=calibrate.refusal(calibration) or "",
        outside=(),
        forecast_model=load.model,
        forecast_age_s=age.total_seconds(),
        forecast_age_max_s=outlook.forecast_age_max_s(clock),
        covered_h=load.covered_h,
        horizon_h=outlook.HORIZON_H,
    )


def _situation(
    parameters: Parameters, now: Observation, load: Load, weather: Weather, margin_k: float
) -> Situation:
    supply_c = now.held[Setpoint.SUPPLY_AIR_TEMPERATURE] if now.supply_air_c is None else now.supply_air_c
    present = Conditions(reference_load_kw(parameters, now.it_kw, supply_c), now.dry_bulb_c, now.wet_bulb_c)
    twin_inlet_c = float(solve(parameters, present, Setpoints.of(now.held)).inlet_c)
    ahead = outlook.Outlook(
        it_reference_kw=reference_load_kw(parameters, load.it_kw, supply_c),
        dry_bulb_c=weather.dry_bulb_c,
        wet_bulb_c=weather.wet_bulb_c,
    )
    return Situation(
        in_force=now.held,
        outlook=ahead,
        inlet_offset_k=max(now.worst_inlet_c - twin_inlet_c, 0.0),
        margin_k=margin_k,
    )


def advise(seen: Brief) -> Candidate | str:
    """The best change of one setpoint, with the optimum of all for information; or why there is none."""
    if seen.now.motion.under_way:
        return f"{', '.join(seen.now.motion.under_way)} is still under way"
    if not seen.free:
        return "every setpoint has moved lately, waits to be verified, was declined or is suspended"
    recent_s = min(seen.now.motion.since_change_s.values(), default=float("inf"))
    if recent_s < SETTLE_S:
        return f"a setpoint moved {recent_s:.0f} s ago, {SETTLE_S:.0f} s to settle"
    found = search(seen.parameters, seen.situation, seen.site, seen.objective, free=seen.free)
    return found or "no step of a setpoint saves energy within the limits"

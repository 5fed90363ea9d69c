"""Everything that is known at one moment, gathered once: what advice, gates and cards are made from."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.actions import Change, Setpoint
from core.errors import NotReadyError
from core.series import floor_time
from core.tariff import Objective
from twin import calibrate
from twin.advise import assess as assessing
from twin.advise import observe, outlook, reset
from twin.advise import plan as planning
from twin.advise import search as searching
from twin.advise.confirmed import widened
from twin.advise.drawn import Drawn
from twin.advise.evidence import Disagreement, Evidence, ModelQuality, Record
from twin.advise.record import read_record
from twin.advise.safety import (
    HYSTERESIS_RATIO,
    MISSES_MAX,
    SETTLE_S,
    TOLERANCE_K,
    Accepted,
    hysteresis_kw,
    judge,
    words,
)
from twin.advise.search import Candidate, Situation
from twin.network import Conditions, Parameters, PlantState, Setpoints, reference_load_kw, solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core import db
    from core.clock import Clock
    from core.site import Site
    from twin.advise.assess import Assessment
    from twin.advise.observe import Observation
    from twin.advise.outlook import Carbon, Load, Weather
    from twin.advise.plan import Plan
    from twin.calibrate import Calibration
    from twin.history import History
    from twin.plant.curves import Flags


ERRORS_P95: Final = 2.0
"""So many times its p95 may the twin's error be at one moment: readings scatter more than the means of a
quarter of an hour that the p95 is of."""
ERROR_MIN_RATIO: Final = 0.03
"""An error below this share of the facility's power says nothing against the twin [1]."""
ERROR_MIN_K: Final = 2.0
"""The same of the warmest inlet [K]."""
ENVELOPE_MARGIN_RATIO: Final = 0.1
"""How far load and weather may lie outside what the calibration has seen, over its width [1]. A setpoint may
lie one step outside: otherwise a plant that has always held still could never be advised to move."""
DRAWN: Final = 32
"""How many plants are drawn from the calibration's covariance."""
LATELY: Final = timedelta(days=1)
"""So much of what was measured says where the twin has been right since it was calibrated."""
NO_RECORD: Final = Record((), {})
"""Of a site that has never been advised."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibrated twin, ready to be asked; it changes with the calibration, not from moment to moment."""

    calibration: Calibration
    """How the twin was fitted."""
    parameters: Parameters
    """The fitted twin."""
    drawn: Drawn
    """Other plants that the calibration's data allow."""

    @classmethod
    def of(
        cls,
        site: Site,
        calibration: Calibration,
        beside: Mapping[str, float] | None = None,
        seed: int | None = None,
        count: int = DRAWN,
    ) -> Fitted:
        """From a calibration.

        Args:
            site: the plant's description.
            calibration: its calibration.
            beside: setpoints that advice does not change, see `Observation.held_beside`.
            seed: of the drawn plants; none: the calibration's own number.
            count: how many of them.
        """
        held: dict[str, Any] = dict(beside or {})
        rng = np.random.default_rng(calibration.calibration_id if seed is None else seed)
        drawn = [replace(p, **held) for p in calibration.samples(site.plant, count, rng)]
        return cls(calibration, replace(calibration.parameters(site.plant), **held), Drawn.of(drawn))

    def after(self, lately: History, agree: Flags | None = None) -> Fitted:
        """The same with what it has lately been right about, see `twin.advise.confirmed`."""
        return replace(self, calibration=widened(self.calibration, self.parameters, lately, agree))


@dataclass(frozen=True, slots=True)
class Brief:
    """One moment's knowledge."""

    site: Site
    """The plant's description."""
    now: Observation
    """The plant as measured."""
    twin: Fitted
    """The calibrated twin."""
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
    carbon: Carbon | None = None
    """The grid's carbon intensity to come, if anything says it."""
    _assessed: dict[tuple[Change, ...], Assessment] = field(default_factory=dict, compare=False, repr=False)

    @property
    def calibration(self) -> Calibration:
        """How the twin was fitted."""
        return self.twin.calibration

    @property
    def parameters(self) -> Parameters:
        """The fitted twin."""
        return self.twin.parameters

    def assess(self, changes: tuple[Change, ...]) -> Assessment:
        """What changes are worth and what they risk."""
        if changes not in self._assessed:
            self._assessed[changes] = assessing.assess(
                self.parameters,
                self.situation,
                self.site,
                changes,
                self.twin.drawn,
                self.objective,
                self.record.interval_scale,
            )
        return self._assessed[changes]

    def evidence(self, changes: tuple[Change, ...], assessment: Assessment) -> Evidence:
        """What the gates look at."""
        return Evidence(
            site=self.site,
            changes=changes,
            data=self.now.quality,
            model=replace(self.quality, outside=self._outside(changes)),
            motion=replace(self.now.motion, change_freeze=self._frozen),
            prediction=assessment.prediction,
            benefit=assessment.benefit,
            record=self.record,
            authority=self.site.advice.authority,
        )

    @property
    def _frozen(self) -> str:
        return self.site.advice.frozen(self.now.at.astimezone(self.site.zone))

    def _outside(self, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """What of the expected hours and of the change lies outside the calibrated envelope, in words."""
        envelope, ahead = self.calibration.envelope, self.situation.block
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
            low, high = spans(self.site, self.calibration)[change.setpoint]
            if not low - TOLERANCE_K <= change.to_c <= high + TOLERANCE_K:
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
            "horizon_h": self.situation.block.hours,
            "wet_bulb_c": float(self.situation.block.wet_bulb_c[outlook.MEDIAN].mean()),
            "dew_point_c": expected.dew_point_c,
            "dew_point_limit_c": expected.dew_point_limit_c,
            "water_l_per_h": assessment.water_l_per_h,
            "beyond_error_ratio": assessment.beyond_error_ratio,
            "interval_scale": self.record.interval_scale,
            "worth": assessment.worth,
            "worth_interval": asdict(assessment.benefit.worth) if assessment.benefit.worth else None,
        }

    def together_json(self) -> dict[str, Any]:
        """What moving all loops at once would save, which no gate lets pass; for comparison with the rule."""
        changes, _ = searching.together(self.parameters, self.situation, self.site, self.objective)
        return {
            "changes": [change_json(change) for change in changes],
            "saving_expected_kw": self.assess(changes).benefit.p50_kw,
        }

    def plan(self) -> Plan:
        """The hours to come in blocks, as far as the forecasts reach."""
        return planning.plan(self.parameters, self.situation, self.site, self.objective)

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
            "carbon_source": self.carbon.source if self.carbon else None,
            "data_at": self.now.at.isoformat(),
            "interval_scale": self.record.interval_scale,
            "interval_savings": self.record.verified,
        }


def change_json(change: Change) -> dict[str, Any]:
    """A change as it is stored."""
    return {"setpoint": change.setpoint.value, "from_c": change.from_c, "to_c": change.to_c}


def spans(site: Site, calibration: Calibration) -> dict[Setpoint, tuple[float, float]]:
    """Where each setpoint may lie [degC]: what the calibration has seen, and one step beyond."""
    found = {}
    for setpoint, bounds in site.setpoints.items():
        low, high = calibration.envelope[f"{setpoint.value}_c"]
        found[setpoint] = low - bounds.step_max_k, high + bounds.step_max_k
    return found


def make(
    site: Site,
    twin: Fitted,
    now: Observation,
    load: Load,
    weather: Weather,
    record: Record = NO_RECORD,
    objective: Objective | None = None,
    *,
    forecast_age_max_s: float = outlook.FORECAST_AGE_MAX_S,
    carbon: Carbon | None = None,
) -> Brief:
    """All that is known at one moment, from arrays: the service, replays and benchmarks decide alike.

    Args:
        site: the plant's description.
        twin: the calibrated twin.
        now: the plant as measured, its setpoints in force and how long ago each moved.
        load: IT power to come.
        weather: weather to come; where it reaches less far than the load, the outlook ends with it.
        record: how earlier advice did, and which setpoints are to be left in peace.
        objective: what to make small; none: the site's.
        forecast_age_max_s: oldest forecast that advice may rest on [s].
        carbon: the grid's carbon intensity to come; none: the tariff's.
    """
    supply_c = now.held[Setpoint.SUPPLY_AIR_TEMPERATURE] if now.supply_air_c is None else now.supply_air_c
    present = _present(twin.parameters, now, supply_c)
    errors = _errors(twin.calibration, now, present)
    return Brief(
        site=site,
        now=now,
        twin=twin,
        load=load,
        weather=weather,
        situation=Situation(
            in_force=now.held,
            outlook=_ahead(twin.parameters, now, load, weather, supply_c),
            inlet_offset_k=max(now.worst_inlet_c - float(present.inlet_c), 0.0),
            margin_k=float(np.fmax(site.limits.margin_k, twin.calibration.inlet_p95_k)),
            spans=spans(site, twin.calibration),
            carbon_g_per_kwh=None if carbon is None else carbon.g_per_kwh,
        ),
        quality=_model_quality(twin.calibration, now, load, forecast_age_max_s, errors),
        record=record,
        objective=site.advice.objective if objective is None else objective,
        carbon=carbon,
    )


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
    twin = Fitted.of(site, calibration, now.held_beside)
    unknown = [setpoint.value for setpoint in twin.parameters.setpoints_needed if setpoint not in now.held]
    if unknown:
        raise NotReadyError(f"neither setpoint nor sensor tells the {', '.join(unknown)}")
    load = outlook.load(conn, site, clock)
    if not load.model:
        raise NotReadyError("no fresh forecast of the IT power")
    upto = floor_time(now.at, outlook.STEP)
    return make(
        site,
        twin.after(calibrate.load_history(conn, site, upto - LATELY, upto, outlook.STEP)),
        now,
        load,
        outlook.weather(conn, site, now.at, load.it_kw.shape[1]),
        read_record(conn, site, now.at),
        forecast_age_max_s=outlook.forecast_age_max_s(clock),
        carbon=outlook.carbon(conn, site, now.at, load.it_kw.shape[1]),
    )


def _model_quality(
    calibration: Calibration,
    now: Observation,
    load: Load,
    age_max_s: float,
    errors: tuple[Disagreement, ...],
) -> ModelQuality:
    age = now.at - load.issued_at if load.issued_at else timedelta.max
    return ModelQuality(
        calibration_id=calibration.calibration_id,
        refusal=calibrate.refusal(calibration) or "",
        outside=(),
        forecast_model=load.model,
        forecast_age_s=age.total_seconds(),
        forecast_age_max_s=age_max_s,
        covered_h=load.covered_h,
        horizon_h=outlook.HORIZON_H,
        errors=errors,
        forecast_skill=load.skill,
    )


def _present(parameters: Parameters, now: Observation, supply_c: float) -> PlantState:
    """What the twin says of this moment."""
    load_kw = reference_load_kw(parameters, now.it_kw, supply_c)
    return solve(parameters, Conditions(load_kw, now.dry_bulb_c, now.wet_bulb_c), Setpoints.of(now.held))


def _errors(calibration: Calibration, now: Observation, present: PlantState) -> tuple[Disagreement, ...]:
    """How far twin and meters are apart at this moment, and how far they may be."""
    allowed_kw = max(ERRORS_P95 * calibration.facility_p95_kw, ERROR_MIN_RATIO * now.facility_kw)
    allowed_k = float(np.fmax(ERRORS_P95 * calibration.inlet_p95_k, ERROR_MIN_K))
    return (
        Disagreement("facility's power", "kW", now.facility_kw - float(present.facility_kw), allowed_kw),
        Disagreement("warmest inlet", "K", now.worst_inlet_c - float(present.inlet_c), allowed_k),
    )


def _ahead(
    parameters: Parameters, now: Observation, load: Load, weather: Weather, supply_c: float
) -> outlook.Outlook:
    steps = min(load.it_kw.shape[1], weather.dry_bulb_c.shape[0])
    return outlook.Outlook(
        it_reference_kw=reference_load_kw(parameters, load.it_kw[:, :steps], supply_c),
        dry_bulb_c=weather.dry_bulb_c[:steps],
        wet_bulb_c=weather.wet_bulb_c[:, :steps],
        start=now.at,
    )


def advise(seen: Brief) -> Candidate | str:
    """The best change of one setpoint that the gates let pass; or why there is none.

    Where the gates let none pass, the best one comes back all the same: they say why not. An inlet that would
    become too warm goes before any saving.
    """
    motion = seen.now.motion
    if motion.under_way:
        return f"{', '.join(motion.under_way)} is still under way"
    recent_s = min(motion.since_change_s.values(), default=float("inf"))
    if recent_s < SETTLE_S:
        return f"a setpoint moved {recent_s:.0f} s ago, {SETTLE_S:.0f} s to settle"
    moved = [s for s, b in seen.site.setpoints.items() if motion.since_change_s.get(s, 0.0) < b.hold_s]
    known = searching.survey(seen.parameters, seen.situation, seen.site, seen.objective, free=seen.free)
    protecting = None
    if known.inlet_c > searching.inlet_limit_c(seen.situation, seen.site):
        protecting = searching.protect(
            seen.parameters, seen.situation, seen.site, (*moved, *seen.record.declined)
        )
    if protecting is not None:
        saving = seen.assess((protecting,)).benefit
        now = saving.facility_kw if saving.worth is None else saving.worth.without
        saves = saving.p50_kw if saving.worth is None else saving.worth.p50
        return Candidate(protecting, now - saves, now, protects=True)
    if not seen.free:
        return "every setpoint has moved lately, waits to be verified, was declined or is suspended"
    found = known.candidates
    if not found:
        return "no step of a setpoint saves energy within the limits"
    worth = itertools.takewhile(lambda candidate: not trifling(seen, candidate), found)
    return next((candidate for candidate in worth if _passes(seen, candidate)), found[0])


def trifling(seen: Brief, candidate: Candidate) -> bool:
    """Whether a candidate saves too little for the benefit's gate, which need not be asked then."""
    energy = seen.objective is Objective.FACILITY_ENERGY
    needed = hysteresis_kw(candidate.cost_now) if energy else HYSTERESIS_RATIO * candidate.cost_now
    return not candidate.protects and candidate.cost_now - candidate.cost <= needed


def _passes(seen: Brief, candidate: Candidate) -> bool:
    """Whether every gate is open, but for an operator's word."""
    changes = (candidate.change,)
    verdict = judge(seen.evidence(changes, seen.assess(changes)))
    return isinstance(verdict, Accepted) or verdict.only_waits

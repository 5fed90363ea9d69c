"""Everything that is known at one moment, gathered once: what advice, gates and cards are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.actions import Change, Setpoint
from core.errors import NotReadyError
from twin import calibrate
from twin.advise import assess as assessing
from twin.advise import observe, outlook, reset
from twin.advise.evidence import Evidence, ModelQuality
from twin.advise.record import read_record
from twin.advise.safety import MISSES_MAX, SETTLE_S
from twin.advise.search import Objective, Situation, search
from twin.network import Conditions, Setpoints, reference_load_kw, solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core import db
    from core.clock import Clock
    from core.series import Floats
    from core.site import Site
    from twin.advise.assess import Assessment
    from twin.advise.evidence import Record
    from twin.advise.observe import Observation
    from twin.advise.outlook import Load, Outlook, Weather
    from twin.calibrate import Calibration


@dataclass(frozen=True, slots=True)
class Brief:
    """One moment's knowledge."""

    site: Site
    """The plant's description."""
    now: Observation
    """The plant as measured."""
    calibration: Calibration
    """The twin."""
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
        return assessing.assess(
            self.calibration.parameters, self.situation, self.site, changes, self.calibration.part_errors
        )

    def evidence(self, changes: tuple[Change, ...], assessment: Assessment) -> Evidence:
        """What the gates look at."""
        return Evidence(
            site=self.site,
            changes=changes,
            data=self.now.quality,
            model=self.quality,
            motion=self.now.motion,
            prediction=assessment.prediction,
            benefit=assessment.benefit,
            record=self.record,
        )

    @property
    def free(self) -> tuple[Setpoint, ...]:
        """Setpoints whose hold time is over, that wait for no measurement and are not suspended."""
        motion = self.now.motion
        return tuple(
            setpoint
            for setpoint, bounds in self.site.setpoints.items()
            if motion.since_change_s.get(setpoint, 0.0) >= bounds.hold_s
            and setpoint not in self.record.unverified
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

    def rule_json(self) -> dict[str, Any]:
        """What the rules would have done, and what that would save."""
        condition = reset.Condition(
            self.now.motion.in_force, self.now.inlets_c, self.now.supply_air_c, self.now.wet_bulb_c
        )
        changes = reset.rule_changes(self.site, condition)
        return {
            "name": reset.RULE_NAME,
            "changes": [change.as_json() for change in changes],
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

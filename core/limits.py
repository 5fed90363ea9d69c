"""Envelopes and limits of motion.

Source: ASHRAE TC 9.9, 2021 Equipment Thermal Guidelines reference card; ASHRAE Guideline 36 for motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AirEnvelope:
    """A thermal class for air-cooled IT, at the IT inlet."""

    recommended_low_c: float
    recommended_high_c: float
    allowable_low_c: float
    allowable_high_c: float
    dew_point_high_c: float
    humidity_high_ratio: float


THERMAL_CLASSES: Final[dict[str, AirEnvelope]] = {
    "A1": AirEnvelope(18, 27, 15, 32, 17, 0.8),
    "A2": AirEnvelope(18, 27, 10, 35, 21, 0.8),
    "A3": AirEnvelope(18, 27, 5, 40, 24, 0.85),
    "A4": AirEnvelope(18, 27, 5, 45, 24, 0.9),
    "H1": AirEnvelope(18, 22, 5, 25, 17, 0.8),
}

DEW_POINT_LOW_C: Final = -9.0
"""Lowest recommended dew point [degC], classes A1 to A4."""
DEW_POINT_HIGH_C: Final = 15.0
"""Highest recommended dew point [degC]."""
HUMIDITY_HIGH_RATIO: Final = 0.7
"""Highest recommended relative humidity [1]; 0.5 where the air corrodes copper and silver."""
ALLOWABLE_DEW_POINT_LOW_C: Final = -12.0
"""Lowest allowable dew point [degC]: the air may be no drier than this, nor than the next."""
ALLOWABLE_HUMIDITY_LOW_RATIO: Final = 0.08
"""Lowest allowable relative humidity [1]."""
STEP_MAX_K: Final = 1.0
"""Largest advised step of a temperature setpoint [K]; a choice of this project, see docs/operating.md."""
RATE_MAX_K_PER_H: Final = 4.0
"""Fastest advised change of a setpoint [K/h], from one to the next; 1 K in 15 min is usual for air."""
CHANGES_PER_HOUR_MAX: Final = 4
"""So often may one setpoint change in an hour, whoever changes it."""
HOLD_MIN_S: Final = 1800.0
"""Shortest time between two advised changes of one setpoint [s]; a choice of this project."""
MARGIN_MIN_K: Final = 1.0
"""Least margin kept to the inlet limit, whatever the twin's own error [K]."""
DATA_AGE_MAX_S: Final = 120.0
"""Oldest reading [s of plant time] on which advice may rest."""
WEATHER_AGE_MAX_S: Final = 4500.0
"""The same of the weather, which services tell by the hour: that, and what it takes to come."""

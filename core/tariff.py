"""What energy, its peak, carbon and water cost, and what people have decided about advice: `site.toml`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.actions import Authority, Setpoint

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.series import Floats

SATURDAY: Final = 5
HOURS_PER_DAY: Final = 24


class Objective(StrEnum):
    """What advice makes small. PUE is none: it falls when server fans work harder."""

    FACILITY_ENERGY = "facility_energy"
    COST = "cost"
    CARBON = "carbon"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hours(_Strict):
    """Hours of the week in the site's time zone."""

    days: Literal["all", "weekdays", "weekend"] = "all"
    from_hour: int = Field(default=0, ge=0, le=HOURS_PER_DAY, description="First hour.")
    to_hour: int = Field(
        default=HOURS_PER_DAY, ge=0, le=HOURS_PER_DAY, description="Hour that is no longer part of it."
    )

    @model_validator(mode="after")
    def _some(self) -> Hours:
        if self.from_hour >= self.to_hour:
            raise ValueError(
                f"from_hour must be before to_hour, found {self.from_hour} and {self.to_hour}; write hours"
                " past midnight as two entries"
            )
        return self

    def contains(self, at: datetime) -> bool:
        """Whether a time, in the site's zone, lies in them."""
        weekend = at.weekday() >= SATURDAY
        today = self.days == "all" or weekend == (self.days == "weekend")
        return today and self.from_hour <= at.hour < self.to_hour


class Period(Hours):
    """Hours at another price."""

    energy_per_kwh: float = Field(description="Price of energy in these hours [currency/kWh].")


class Tariff(_Strict):
    """Prices. All of them are zero where nobody says otherwise."""

    currency: str = Field(default="EUR", min_length=1, max_length=8)
    energy_per_kwh: float = Field(default=0.0, ge=0, description="Price of energy [currency/kWh].")
    periods: tuple[Period, ...] = Field(default=(), description="Hours at another price; the first counts.")
    demand_per_kw_month: float = Field(
        default=0.0, ge=0, description="Charge for the month's highest power [currency/kW]."
    )
    carbon_g_per_kwh: float | None = Field(
        default=None, ge=0, description="Carbon of the grid's energy where the grid does not say."
    )
    water_per_m3: float = Field(default=0.0, ge=0, description="Price of water and its discharge.")

    def energy_prices(self, start: datetime, step: timedelta, count: int, zone: ZoneInfo) -> Floats:
        """(n,) price of energy [currency/kWh] in steps from a time on."""
        return np.array([self.energy_price((start + step * i).astimezone(zone)) for i in range(count)])

    def energy_price(self, at: datetime) -> float:
        """Price of energy [currency/kWh] at a time in the site's zone."""
        for period in self.periods:
            if period.contains(at):
                return period.energy_per_kwh
        return self.energy_per_kwh


class ChangeFreeze(Hours):
    """A time in which nothing at the plant is to be changed."""

    name: str = Field(min_length=1, description="Why, e.g. month end.")
    first_day: date | None = Field(default=None, description="First day; any where absent.")
    last_day: date | None = Field(default=None, description="Last day, itself included; any where absent.")

    @model_validator(mode="after")
    def _ordered(self) -> ChangeFreeze:
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError(f"first_day must not be after last_day, found {self.first_day}, {self.last_day}")
        return self

    def contains(self, at: datetime) -> bool:
        """Whether a time, in the site's zone, lies in it."""
        day = at.date()
        begun = self.first_day is None or day >= self.first_day
        return begun and (self.last_day is None or day <= self.last_day) and Hours.contains(self, at)


class Span(_Strict):
    """Temperatures between which advice may be accepted by itself."""

    low_c: float
    high_c: float

    @model_validator(mode="after")
    def _ordered(self) -> Span:
        if self.low_c >= self.high_c:
            raise ValueError(f"low_c must be below high_c, found {self.low_c} and {self.high_c}")
        return self


class Advice(_Strict):
    """How far advice may go, and when."""

    authority: Authority = Field(
        default=Authority.SHADOW, description="Where nobody has decided otherwise for a setpoint."
    )
    objective: Objective = Objective.FACILITY_ENERGY
    hold_h: float = Field(default=24.0, gt=0, le=168, description="How long a setpoint is held [h].")
    two_persons: bool = Field(default=False, description="Whether a second person has to agree.")
    change_freeze: tuple[ChangeFreeze, ...] = ()
    auto_envelope: dict[Setpoint, Span] = Field(
        default_factory=dict, description="Where advice may be accepted by itself, by setpoint."
    )

    def frozen(self, at: datetime) -> str:
        """The change freeze that a time in the site's zone lies in, by name; empty where there is none."""
        return next((freeze.name for freeze in self.change_freeze if freeze.contains(at)), "")

"""What advice makes small: energy, cost or carbon of the whole facility, step by step of the hours to come.

The plant has no storage that advice uses, so every step stands for itself; a demand charge is shared by the
steps near the day's highest load.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from core.tariff import Objective
from core.units import G_PER_KG, L_PER_M3
from twin.advise.outlook import MEDIAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.series import Floats
    from core.site import Site
    from twin.advise.outlook import Outlook
    from twin.network import PlantState

DAYS_PER_MONTH: Final = 365.25 / 12.0
PEAK_RATIO: Final = 0.97
"""Steps with more than this share of the day's highest load share the demand charge [1]."""
HOURS_PER_DAY: Final = 24.0


@dataclass(frozen=True, slots=True)
class Rates:
    """What a step counts for."""

    unit: str
    """Of the objective, as a rate: kW, EUR/h, kg/h."""
    per_kwh: Floats
    """(n,) what a kWh counts for in each step."""
    per_m3: float = 0.0
    """What a cubic metre of water counts for."""


def _energy(site: Site, outlook: Outlook, carbon_g_per_kwh: Floats | None) -> Rates:
    del site, carbon_g_per_kwh
    return Rates("kW", np.ones(outlook.steps))


def _cost(site: Site, outlook: Outlook, carbon_g_per_kwh: Floats | None) -> Rates:
    del carbon_g_per_kwh
    tariff = site.tariff
    if outlook.start is None:
        prices = np.full(outlook.steps, tariff.energy_per_kwh)
    else:
        step = timedelta(hours=outlook.step_h)
        prices = tariff.energy_prices(outlook.start, step, outlook.steps, site.zone)
    load = outlook.it_reference_kw[MEDIAN]
    peak = load >= PEAK_RATIO * load.max()
    per_day = tariff.demand_per_kw_month / DAYS_PER_MONTH * min(outlook.hours / HOURS_PER_DAY, 1.0)
    shared = np.where(peak, per_day / (peak.sum() * outlook.step_h), 0.0)
    return Rates(f"{tariff.currency}/h", prices + shared, tariff.water_per_m3)


def _carbon(site: Site, outlook: Outlook, carbon_g_per_kwh: Floats | None) -> Rates:
    if carbon_g_per_kwh is None:
        carbon_g_per_kwh = np.full(outlook.steps, site.tariff.carbon_g_per_kwh or 0.0)
    # of a grid that says nothing, a kWh is as good as any other: the least energy is the least carbon
    known = carbon_g_per_kwh if np.any(carbon_g_per_kwh) else np.full(outlook.steps, G_PER_KG)
    return Rates("kg/h", known[: outlook.steps] / G_PER_KG)


RATES: Final[dict[Objective, Callable[[Site, Outlook, Floats | None], Rates]]] = {
    Objective.FACILITY_ENERGY: _energy,
    Objective.COST: _cost,
    Objective.CARBON: _carbon,
}
"""Objective to what its steps count for."""


def amounts(rates: Rates, state: PlantState) -> Floats:
    """The objective of every element of a state whose last axis is the steps [`Rates.unit`]."""
    water = rates.per_m3 / L_PER_M3 * state.water_l_per_h if rates.per_m3 else 0.0
    return np.asarray(rates.per_kwh * state.facility_kw + water, dtype=np.float64)

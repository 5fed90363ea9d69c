"""Points that other programs and handbooks publish, and how far ours are off: for tests and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.units import W_PER_KW
from twin import psychro
from twin.plant import chiller, ite, tower

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from twin.plant.curves import Floats

ITE_EXAMPLE: Final = ite.IteParameters(50.0)
"""EnergyPlus's example: 100 units of 500 W."""


class Value(NamedTuple):
    """A value of moist air in a table or an example."""

    what: str
    found: float
    expected: float
    tolerance: float
    """As the source or psychrolib's tests against it state it, absolute."""


def table(file: Path) -> NDArray[np.void]:
    """A reference file's columns by their names."""
    columns: NDArray[np.void] = np.genfromtxt(file, delimiter=",", names=True)
    return columns


def dymola_off(reference: Path) -> Floats:
    """(49,) relative deviations of a chiller's COP from the Modelica Buildings library run by Dymola."""
    points = table(reference / "reference_chiller_eir_dymola.csv")
    record = chiller.RECORDS["mcquay_wsc_471_vanes"]
    capacity, power = chiller.published(
        record, points["T_chw_leave_C"], points["T_cond_enter_C"], points["PLR"]
    )
    return np.abs(capacity * points["PLR"] / power / points["COP_reference"] - 1.0)


def york_off(reference: Path) -> Floats:
    """(202,) relative deviations of a tower's approach from the same library's ``yorkCalc``."""
    file = reference / "reference_yorkcalc.csv"
    wet_bulb, water_range, water, air, expected = np.genfromtxt(file, delimiter=",", skip_header=1).T
    return np.abs(tower.york_approach_k(water_range, wet_bulb, water / air) / expected - 1.0)


def servers_off(reference: Path) -> Floats:
    """(4, 303) relative deviations of a server's powers from EnergyPlus: CPU, fans, supply losses, heat."""
    points = table(reference / "reference_ite_energyplus.csv")
    state = ite.solve(ITE_EXAMPLE, points["cpu_load"], points["T_inlet_C"])
    kw = np.stack([state.cpu_kw, state.fan_kw, state.supply_loss_kw, state.heat_kw])
    expected = np.stack([points[name] for name in ("P_cpu_W", "P_fan_W", "P_ups_loss_W", "Q_zone_W")])
    return np.abs(kw * W_PER_KW / expected - 1.0)


def moist_air() -> tuple[Value, ...]:
    """ASHRAE Handbook - Fundamentals 2017, chapter 1, and psychrolib's wet bulbs."""
    return (*_saturated(), *_examples(), *_wet_bulbs())


def _saturated() -> list[Value]:
    pressures = {-20: 103.24, -5: 401.74, 5: 872.6, 25: 3169.7, 50: 12351.3, 100: 101418.0}
    humidities = {5: 0.005425, 25: 0.020173, 50: 0.086863}
    found = [
        Value(
            f"table 3, p_ws({t})",
            float(psychro.saturation_pressure_pa(np.array(t))),
            expected,
            3e-4 * expected,
        )
        for t, expected in pressures.items()
    ]
    # table 2 has an enhancement factor, up to 0.7 %
    found += [
        Value(
            f"table 2, W_s({t})",
            float(psychro.saturation_humidity_ratio(np.array(t))),
            expected,
            0.01 * expected,
        )
        for t, expected in humidities.items()
    ]
    enthalpy = float(psychro.saturation_enthalpy_j_per_kg(np.array(25.0)))
    return [*found, Value("table 2, h_s(25)", enthalpy, 76_504, 765)]


def _examples() -> list[Value]:
    warm, humidity = np.array(40.0), psychro.humidity_ratio_from_wet_bulb(np.array(40.0), np.array(20.0))
    high = psychro.humidity_ratio_from_wet_bulb(np.array(30.0), np.array(25.0), 95_461.0)
    moist = psychro.enthalpy_j_per_kg(np.array(30.0), np.array(0.02))
    return [
        Value("equation 30, h(30, 0.02)", float(moist), 81_316, 24.4),
        Value("example 1, W(40, wet 20)", float(humidity), 0.0065, 1e-4),
        Value("example 1, h", float(psychro.enthalpy_j_per_kg(warm, humidity)), 56_700, 150),
        Value("example 1, v", float(psychro.specific_volume_m3_per_kg(warm, humidity)), 0.896, 1e-3),
        Value("example 1, dew point", float(psychro.dew_point_c(warm, np.array(0.14))), 7.0, 0.5),
        Value("W(30, wet 25, 95,461 Pa)", float(high), 0.0192281274, 4e-6),
        Value("table 1, p(500 m)", psychro.pressure_pa(500.0), 95_461, 1),
        Value("table 1, p(1000 m)", psychro.pressure_pa(1000.0), 89_875, 1),
    ]


def _wet_bulbs() -> list[Value]:
    at_sea_level = {
        (20, 0.4): 12.3551,
        (25, 0.5): 17.8894,
        (30, 0.6): 23.8125,
        (35, 0.3): 21.5235,
        (0, 0.8): -1.1551,
        (-5, 0.9): -5.4394,
        (40, 0.2): 22.0322,
    }
    found = [
        Value(
            f"wet bulb({dry}, {rh})", float(psychro.wet_bulb_c(np.array(dry), np.array(rh))), expected, 0.01
        )
        for (dry, rh), expected in at_sea_level.items()
    ]
    at_pressure = float(psychro.wet_bulb_c(np.array(7.0), np.array(0.61), 100_000.0))
    return [*found, Value("wet bulb(7, 0.61, 100 kPa)", at_pressure, 3.92667, 0.01)]

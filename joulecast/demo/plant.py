"""The demo plant: the twin's own equations with other parameters, a lag, noise and a drifting sensor.

So there is something to calibrate, and the twin is never exactly right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import lfilter

from core.actions import Setpoint
from core.units import W_PER_KW
from joulecast.demo import load, weather
from twin.network import Conditions, Parameters, Setpoints, solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.plant import Plant
    from core.series import Floats

TRUE_MULTIPLIERS: Final = {
    "chiller_power": 1.09,
    "crah_fan": 0.92,
    "pump": 1.12,
    "tower_fan": 1.07,
    "ups_loss": 1.10,
}
"""How the demo's equipment differs from its design data; nobody tells the twin."""

INITIAL_SETPOINTS: Final[dict[Setpoint, float]] = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: 21.0,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 7.0,
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 24.0,
}
PAST_SETPOINTS: Final[dict[Setpoint, tuple[float, ...]]] = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: (21.0, 22.0, 20.0, 23.0, 21.5, 24.0, 22.5, 20.5),
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: (7.0, 9.5, 8.0, 11.0, 8.5, 10.0, 12.0),
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: (24.0, 26.0, 22.0, 20.0, 25.0),
}
"""What the operators tried in the past, newest first."""
PAST_BLOCK_D: Final[dict[Setpoint, float]] = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: 3.0,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 2.2,
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 4.3,
}
"""For how long each was held [d]."""

SETPOINT_REFS: Final[dict[Setpoint, str]] = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: "hall/supply_air_temperature_setpoint",
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: "chw-loop/chilled_water_supply_temperature_setpoint",
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: "tower/condenser_water_supply_temperature_setpoint",
}
LAG_S: Final = 300.0
"""Time constant with which the plant follows a setpoint [s]."""
POWER_NOISE: Final = 0.003
"""Standard deviation of a power meter's error [share of the value]."""
TEMPERATURE_NOISE_K: Final = 0.05
DRIFTING_RACK: Final = 3
DRIFT_K_PER_DAY: Final = 0.01
DRIFT_RESET_D: Final = 60.0
"""The drifting sensor is recalibrated that often [d]."""
RACK_SHARES: Final = np.linspace(0.55, 1.0, 8)
"""How much of the hall's recirculation each rack row gets [1]."""
CRAH_SHARES: Final = np.array([0.26, 0.25, 0.25, 0.24])
GPU_INLET_SPREAD_K: Final = 0.4
GPU_RISE_K: Final = 42.0
"""How much warmer than its inlet a fully used GPU is [K]."""


@dataclass(slots=True)
class Inertia:
    """Setpoints that the plant has reached so far [degC]; they follow the commanded ones with a lag."""

    reached_c: dict[Setpoint, float]

    def follow(self, commanded_c: Mapping[Setpoint, Floats], step_s: float) -> dict[Setpoint, Floats]:
        """The setpoints that the plant reaches at the end of each of n steps, (n,) each [degC]."""
        keep = float(np.exp(-step_s / LAG_S))
        reached = {}
        for name, wanted in commanded_c.items():
            path, _ = lfilter([1.0 - keep], [1.0, -keep], wanted, zi=np.array([keep * self.reached_c[name]]))
            reached[name] = np.asarray(path, dtype=np.float64)
            self.reached_c[name] = float(path[-1])
        return reached


def past_setpoints(time_s: Floats, end_s: float) -> dict[Setpoint, Floats]:
    """What was commanded in a history that ends at `end_s`, (n,) each [degC]."""
    age_d = np.maximum(end_s - time_s, 0.0) / weather.DAY_S
    return {
        name: np.array(values)[(age_d // PAST_BLOCK_D[name]).astype(int) % len(values)]
        for name, values in PAST_SETPOINTS.items()
    }


def true_parameters(plant: Plant) -> Parameters:
    """The demo's real equipment."""
    return Parameters.from_design(plant).with_multipliers(TRUE_MULTIPLIERS)


def measure(
    parameters: Parameters,
    time_s: Floats,
    commanded_c: Mapping[Setpoint, Floats],
    reached_c: Mapping[Setpoint, Floats],
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """What the demo's sensors read.

    Args:
        parameters: the real equipment.
        time_s: (n,) POSIX times [s].
        commanded_c: (n,) setpoints in force [degC].
        reached_c: (n,) setpoints that the plant has reached [degC].
        rng: the noise.

    Returns:
        (n,) readings [canonical unit] by ``asset/point``; without the water meter, see `water_m3_per_s`.
    """
    utilisation = load.gpu_utilisation(time_s)
    gpu_kw = load.gpu_power_kw(utilisation)
    outdoor = weather.weather(time_s)
    state = solve(
        parameters,
        Conditions(load.server_power_kw(time_s) + gpu_kw.sum(axis=0), outdoor.dry_bulb_c, outdoor.wet_bulb_c),
        Setpoints(**{f"{name.value}_c": values for name, values in reached_c.items()}),
    )

    def power(kw: Floats) -> Floats:
        return np.maximum(kw * W_PER_KW * (1.0 + POWER_NOISE * rng.standard_normal(np.shape(kw))), 0.0)

    def temperature(c: Floats) -> Floats:
        return c + TEMPERATURE_NOISE_K * rng.standard_normal(np.shape(c))

    found: dict[str, Floats] = {
        "utility/facility_power": power(state.facility_kw),
        "ups/power": power(state.it_kw + state.ups_loss_kw + state.pdu_loss_kw),
        "pdu/it_power": power(state.it_kw),
        "hall/supply_air_temperature": temperature(state.supply_air_c),
        "hall/return_air_temperature": temperature(state.return_air_c),
        "chw-loop/chilled_water_supply_temperature": temperature(state.chilled_water_supply_c),
        "chw-loop/chilled_water_return_temperature": temperature(state.chilled_water_return_c),
        "chw-loop/cooling_load": power(state.cooling_load_kw),
        "chw-pump/power": power(state.chilled_water_pump_kw),
        "cw-pump/power": power(state.condenser_water_pump_kw),
        "tower/power": power(state.tower_fan_kw),
        "tower/condenser_water_supply_temperature": temperature(state.condenser_water_supply_c),
        "economizer/economizer_load": power(state.economizer_load_kw),
        "weather/dry_bulb_temperature": temperature(outdoor.dry_bulb_c),
        "weather/wet_bulb_temperature": temperature(outdoor.wet_bulb_c),
        "weather/relative_humidity": np.clip(outdoor.relative_humidity, 0.0, 1.0),
        "water": state.water_l_per_h,
    }
    found |= {SETPOINT_REFS[name]: np.asarray(values, float) for name, values in commanded_c.items()}
    for i, share in enumerate(CRAH_SHARES, 1):
        found[f"crah-{i}/power"] = power(state.crah_fan_kw * share)
        found[f"crah-{i}/fan_speed_ratio"] = np.clip(state.crah_fan_speed_ratio, 0.0, 1.0)
        found[f"crah-{i}/supply_air_temperature"] = temperature(state.supply_air_c)
        found[f"crah-{i}/return_air_temperature"] = temperature(state.return_air_c)
    for i in (1, 2):
        share = np.where(state.chillers_running >= i, 1.0 / np.maximum(state.chillers_running, 1.0), 0.0)
        found[f"chiller-{i}/power"] = power(state.chiller_kw * share)
        found[f"chiller-{i}/cooling_load"] = power(state.chiller_load_kw * share)
        found[f"chiller-{i}/running"] = np.where(share > 0, 1.0, 0.0)
    drift = DRIFT_K_PER_DAY * (time_s / weather.DAY_S % DRIFT_RESET_D)
    for i, share in enumerate(RACK_SHARES, 1):
        inlet = state.supply_air_c + share * (state.inlet_c - state.supply_air_c)
        found[f"rack-{i}/inlet_temperature"] = temperature(inlet) + (drift if i == DRIFTING_RACK else 0.0)
    for i in range(load.GPU_NODES):
        node, inlet = f"gpu-node-{i + 1:02d}", state.inlet_c - GPU_INLET_SPREAD_K * (i % 4)
        found[f"{node}/power"] = power(gpu_kw[i])
        found[f"{node}/utilisation"] = utilisation[i]
        found[f"{node}/gpu_temperature"] = temperature(inlet + GPU_RISE_K * utilisation[i])
        found[f"{node}/inlet_temperature"] = temperature(inlet)
    return found

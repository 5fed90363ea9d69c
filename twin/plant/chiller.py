"""Electric chillers: the EnergyPlus Electric EIR model (Modelica: ElectricEIR), staged for least power.

Air-cooled ones are the same with outdoor air, as `condenser_air` gives it, for the condenser water.

References:
    EnergyPlus Engineering Reference, "Electric Chiller Model Based on Condenser Entering Temperature".
    Records: EnergyPlus data set Chillers.idf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from core.units import KELVIN_OFFSET
from twin.plant.curves import Bounds, Flags, Floats, biquadratic, polynomial

if TYPE_CHECKING:
    from collections.abc import Sequence

CONDENSING_ABOVE_ENTERING_K: Final = 8.0
"""Condensing above entering water temperature [K]: 5 K range and 3 K approach, for extrapolation only."""
EVAPORATING_BELOW_LEAVING_K: Final = 3.0
"""Evaporating below leaving water temperature [K], for extrapolation only."""
LIFT_MIN_K: Final = 5.0
"""Least difference of condensing and evaporating temperature [K], for extrapolation only."""
NOT_POSSIBLE_KW: Final = 1e12
_ROUNDED_DOWN: Final = 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class ChillerRecord:
    """Published curves of one chiller model."""

    label: str
    """Name in the EnergyPlus data set."""
    capacity_kw: float
    """Cooling capacity at the reference point [kW]."""
    cop: float
    """Coefficient of performance at the reference point [1]."""
    leaving_c: float
    """Chilled water leaving at the reference point [degC]."""
    entering_c: float
    """Condenser water (air-cooled: outdoor air) entering at the reference point [degC]."""
    load_min_ratio: float
    """Part load below which the machine cycles [1]."""
    load_unload_ratio: float
    """Part load below which it by-passes hot gas [1]."""
    load_max_ratio: float
    """Greatest part load [1]."""
    leaving_bounds: Bounds
    """Leaving temperatures for which the curves were made [degC]."""
    entering_bounds: Bounds
    """Entering temperatures for which the curves were made [degC]."""
    capacity_curve: Sequence[float]
    """CAPFT: capacity over reference by leaving and entering temperature, six coefficients."""
    eir_curve: Sequence[float]
    """EIRFT: electric input ratio over reference by the same, six coefficients."""
    part_load_curve: Sequence[float]
    """EIRFPLR: electric input over full load's by part load, three coefficients."""
    motor_heat_ratio: float = 1.0
    """Share of the electric input that ends up in the condenser [1]."""
    air_cooled: bool = False
    """Whether outdoor air cools the condenser, so that there is neither tower nor condenser pump."""
    note: str = ""
    """What was changed of the published curves, for people to read."""


RECORDS: Final[dict[str, ChillerRecord]] = {
    "carrier_19xr_1259_vanes": ChillerRecord(
        "ElectricEIRChiller Carrier 19XR 1259kW/6.26COP/Vanes",
        1258.9,
        6.26,
        8.89,
        26.67,
        0.18,
        0.18,
        1.03,
        Bounds(7.22, 12.78),
        Bounds(12.78, 26.67),
        (1.082071, 0.03200888, -0.00399478, -0.005789604, -0.0008238938, 0.002933539),
        (0.7582035, 0.006896017, -0.001491911, 0.002249459, 0.0003908697, -0.0001735265),
        (0.2226232, 0.5199282, 0.257847),
    ),
    "carrier_30xa280_air": ChillerRecord(
        "Carrier 30XA280 943.4kW/3.1COP",
        943.4,
        3.1,
        6.67,
        35.0,
        0.1,
        0.1,
        1.0,
        Bounds(4.44, 10.0),
        Bounds(29.44, 46.11),
        (0.979952514, 0.0359715682, -0.000324571, -0.003526257, -0.0000442458, -0.0001206704),
        (0.1210926936, 0.0321255295, 0.0010019413, 0.0215864214, 0.0001997952, -0.0015848128),
        (0.0, 1.0, 0.0),
        air_cooled=True,
    ),
    "doe2_centrifugal": ChillerRecord(
        "DOE-2 Centrifugal/5.50COP",
        100.0,
        5.5,
        6.67,
        29.4,
        0.1,
        0.2,
        1.0,
        Bounds(5.0, 10.0),
        Bounds(24.0, 35.0),
        (0.257896, 0.0389016, -0.00021708, 0.0468684, -0.00094284, -0.00034344),
        (0.933884, -0.058212, 0.00450036, 0.00243, 0.000486, -0.001215),
        (0.222903, 0.313387, 0.46371),
    ),
    "mcquay_wsc_471_vanes": ChillerRecord(
        "ElectricEIRChiller McQuay WSC 471kW/5.89COP/Vanes",
        471.2,
        5.89,
        8.89,
        26.67,
        0.1,
        0.1,
        1.15,
        Bounds(7.22, 12.78),
        Bounds(12.78, 26.67),
        (0.252113, 0.01324053, -0.008637329, 0.08581056, -0.004261176, 0.008661899),
        (0.4475238, -0.0258821, -0.001459053, 0.04342595, -0.001000651, 0.001920106),
        (0.2778889, 0.2338363, 0.4883748),
    ),
    "trane_cvhe_1442_vsd": ChillerRecord(
        "ElectricEIRChiller Trane CVHE 1442kW/6.61COP/VSD",
        1441.8,
        6.61,
        5.56,
        23.89,
        0.1,
        0.1,
        1.07,
        Bounds(4.44, 8.89),
        Bounds(12.78, 35.0),
        (0.4007341, 0.001148568, 0.0001049504, 0.05574667, -0.001646131, 0.0013232),
        (0.6287646, -0.03024605, 0.0006137016, 0.01805826, 0.0001640653, -0.0001113802),
        (0.09299787, 0.3244475, 0.5818753),
    ),
    "york_ycal0033_air": ChillerRecord(
        "ElectricEIRChiller York YCAL0033EE 100.6 kW/3.1 COP Air Cooled",
        100.582,
        3.1,
        6.67,
        35.0,
        0.1,
        0.1,
        1.15,
        Bounds(4.44, 10.0),
        Bounds(23.89, 51.67),
        (-0.2660645697, 0.0998714035, -0.0023814154, 0.0628316481, -0.0009644649, -0.0011249224),
        (0.1807017787, 0.0271530312, -0.0004553574, 0.0188175079, 0.0002623276, -0.0012881189),
        (0.0, 1.0, 0.0),
        air_cooled=True,
    ),
    "york_yt_1055_vanes": ChillerRecord(
        "ElectricEIRChiller York YT 1055kW/5.96COP/Vanes",
        1055.0,
        5.96,
        6.67,
        29.44,
        0.1,
        0.1,
        1.05,
        Bounds(4.44, 8.89),
        Bounds(12.78, 35.0),
        (0.1785912, -0.05900023, -0.0005946963, 0.09297889, -0.002841024, 0.004974221),
        (0.524511, -0.02850126, 0.000803472, 0.01893133, 0.0001151629, -0.00009340642),
        (0.2619878, 0.2393605, 0.4988306),
    ),
}
"""Published curves by short name; part-load limits of the 30XA280 are assumed."""

DEFAULT_RECORD: Final = RECORDS["carrier_19xr_1259_vanes"]
"""Efficiency and capacity are monotone over its whole range, which reaches 12.78 degC chilled water."""


@dataclass(frozen=True, slots=True)
class ChillerParameters:
    """Equal chillers in parallel: published curves, the site's size."""

    count: int
    """Number of chillers."""
    capacity_kw: float
    """Capacity of one at the record's reference point [kW]."""
    cop: float
    """Coefficient of performance there [1]."""
    record: ChillerRecord = DEFAULT_RECORD
    """Their curves: one of RECORDS, or one by `chiller_catalogue.record_named`."""
    power_ratio: float = 1.0
    """Power over what the curves say [1]; for calibration."""
    as_published: bool = False
    """Whether the curves are taken as they are: neither renormalised at the reference point nor kept from
    losing capacity with colder condenser water; only for comparison with other programs."""


class ChillerState(NamedTuple):
    """What the chillers do."""

    power_kw: Floats
    """Electric power of all [kW]."""
    served_kw: Floats
    """Heat taken from the chilled water [kW]."""
    unmet_kw: Floats
    """Heat asked for and not taken [kW]."""
    running: Floats
    """Number that run."""
    outside: Flags
    """Whether a running chiller is outside its curves' bounds."""


def published(
    record: ChillerRecord, leaving_c: Floats, entering_c: Floats, load_ratio: Floats
) -> tuple[Floats, Floats]:
    """Capacity and power of the published machine [kW], without clamping: for checks against other programs.

    ``Q_av = Q_ref CAPFT; P = Q_av / COP EIRFT EIRFPLR(max(PLR, PLR_unload)) min(PLR / PLR_min, 1)``.

    Args:
        record: the machine.
        leaving_c: chilled water leaving [degC].
        entering_c: condenser water entering [degC].
        load_ratio: load over available capacity [1].
    """
    capacity = record.capacity_kw * biquadratic(record.capacity_curve, leaving_c, entering_c)
    ratio = biquadratic(record.eir_curve, leaving_c, entering_c) / record.cop
    return capacity, capacity * ratio * _part_load(record, np.minimum(load_ratio, record.load_max_ratio))


def _part_load(record: ChillerRecord, load_ratio: Floats) -> Floats:
    cycling = np.minimum(load_ratio / record.load_min_ratio, 1.0)
    return polynomial(record.part_load_curve, np.maximum(load_ratio, record.load_unload_ratio)) * cycling


def _carnot_eir(leaving_c: Floats, entering_c: Floats) -> Floats:
    lift = entering_c + CONDENSING_ABOVE_ENTERING_K - (leaving_c - EVAPORATING_BELOW_LEAVING_K)
    return np.maximum(lift, LIFT_MIN_K) / (leaving_c - EVAPORATING_BELOW_LEAVING_K + KELVIN_OFFSET)


def _beyond(record: ChillerRecord, leaving_c: Floats, entering_c: Floats) -> Floats:
    """Input ratio outside the bounds over that at the border [1]: Carnot's, each temperature on its own."""
    leaving, entering = record.leaving_bounds.clip(leaving_c), record.entering_bounds.clip(entering_c)
    reference_leaving, reference_entering = np.array(record.leaving_c), np.array(record.entering_c)
    by_leaving = _carnot_eir(leaving_c, reference_entering) / _carnot_eir(leaving, reference_entering)
    by_entering = _carnot_eir(reference_leaving, entering_c) / _carnot_eir(reference_leaving, entering)
    return by_leaving * by_entering


def at_reference(record: ChillerRecord) -> tuple[float, float]:
    """Values of CAPFT and EIRFT x EIRFPLR [1] at the record's reference point; some records are not 1 there.

    Args:
        record: the machine.
    """
    leaving, entering = np.array(record.leaving_c), np.array(record.entering_c)
    capacity = float(biquadratic(record.capacity_curve, leaving, entering))
    full_load = float(polynomial(record.part_load_curve, np.array(1.0)))
    return capacity, float(biquadratic(record.eir_curve, leaving, entering)) * full_load


def _best_entering_c(record: ChillerRecord, leaving_c: Floats) -> Floats:
    """Entering temperature of the greatest capacity [degC]: the vertex of the curve where it bends down."""
    _, _, _, linear, square, mixed = record.capacity_curve
    if square >= 0:
        return np.full_like(leaving_c, record.entering_bounds.low)
    return record.entering_bounds.clip(-(linear + mixed * leaving_c) / (2.0 * square))


def performance(
    parameters: ChillerParameters, leaving_c: Floats, entering_c: Floats
) -> tuple[Floats, Floats, Flags]:
    """Capacity of one chiller [kW], electric input ratio at full load [1], and whether outside the bounds.

    Unless taken as published, curves are renormalised to be 1 at the reference point. Outside their bounds
    capacity stays at the border's value and the input ratio follows that of a Carnot machine, so that
    warmer chilled or colder condenser water never makes it worse. Condenser water below the bounds is held
    at the bound by the head-pressure valve; colder outdoor air counts as the bound's, which takes too much
    power, and is flagged.

    Args:
        parameters: the chillers.
        leaving_c: chilled water leaving [degC].
        entering_c: condenser water entering [degC].
    """
    record = parameters.record
    at_capacity, at_eir = (1.0, 1.0) if parameters.as_published else at_reference(record)
    held = np.maximum(entering_c, record.entering_bounds.low)
    entered = entering_c if record.air_cooled else held
    outside = record.leaving_bounds.outside(leaving_c) | record.entering_bounds.outside(entered)
    leaving, entering = record.leaving_bounds.clip(leaving_c), record.entering_bounds.clip(held)
    best = entering if parameters.as_published else _best_entering_c(record, leaving)
    for_capacity = np.maximum(entering, best)
    capacity = (
        parameters.capacity_kw / at_capacity * biquadratic(record.capacity_curve, leaving, for_capacity)
    )
    curve = biquadratic(record.eir_curve, leaving, entering) / at_eir
    beyond = _beyond(record, leaving_c, held)
    return capacity, curve * beyond * (parameters.power_ratio / parameters.cop), outside


def solve(
    parameters: ChillerParameters,
    load_kw: Floats,
    leaving_c: Floats,
    entering_c: Floats,
    available: Floats,
    staged: Floats | None = None,
) -> ChillerState:
    """Power of the chillers for a load, with as many running as are staged, or as need the least power.

    Args:
        parameters: the chillers.
        load_kw: heat to take from the chilled water [kW].
        leaving_c: chilled water leaving [degC].
        entering_c: condenser water entering [degC].
        available: chillers that can run, 0 to `count`.
        staged: chillers that run, or more where the load needs them; the best number where not given.

    Returns:
        Arrays of the broadcast shape; heat beyond the capacity is in `unmet_kw`.
    """
    record = parameters.record
    capacity, ratio, outside = performance(parameters, leaving_c, entering_c)
    served = np.minimum(load_kw, np.maximum(available, 0.0) * capacity * record.load_max_ratio)
    power = np.full(np.shape(served), NOT_POSSIBLE_KW)
    running = np.zeros(np.shape(served))
    at_least = np.ceil(served / (capacity * record.load_max_ratio) * _ROUNDED_DOWN)
    for number in range(1, parameters.count + 1):
        together = number * capacity
        load_ratio = served / together
        enough = (load_ratio <= record.load_max_ratio * (1.0 + 1e-9)) & (number <= available)
        if staged is not None:
            enough = enough & (number == np.maximum(np.clip(staged, 1.0, available), at_least))
        drawn = np.where(enough, together * ratio * _part_load(record, load_ratio), NOT_POSSIBLE_KW)
        better = drawn < power
        power, running = np.where(better, drawn, power), np.where(better, number, running)
    on = served > 0
    return ChillerState(
        np.where(on, power, 0.0), served, load_kw - served, np.where(on, running, 0.0), outside & on
    )

"""What the physics leaves over, learned from the meters: on top of the twin, never instead of it.

Gradient-boosted trees predict measured minus modelled cooling power and inlet temperature from the weather,
the load, the setpoints, what the physics says of them, and how these were some hours before. The cooling
power that is added never falls with the load or the wet bulb, as far as it depends on them directly; of the
setpoints physics says no such thing: warmer chilled water spares the chiller and costs pumps and fans. Where
a condition or a setpoint lies outside what was measured, the correction fades out and is then off; to an
alternative, as much is added there as to the plant as it was operated, so that what is learned does not pass
for a saving.

References:
    Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NeurIPS 2017. The form, physics
    first and a learned correction of what it leaves: hybrid or residual modelling.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.units import SECONDS_PER_HOUR
from twin.plant.curves import divide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from twin.plant.curves import Floats
    from twin.state import Conditions, PlantState, Setpoints

GIVEN: Final = (
    "it_reference_kw",
    "dry_bulb_c",
    "wet_bulb_c",
    "supply_air_temperature_c",
    "chilled_water_supply_temperature_c",
    "condenser_water_supply_temperature_c",
    "return_air_temperature_c",
)
"""Conditions and setpoints: the hull is of these."""
MODELLED: Final = (
    "cooling_kw",
    "cooling_load_kw",
    "chiller_load_kw",
    "outdoor_air_load_kw",
    "evaporative_kw",
    "crah_airflow_m3s",
    "return_air_c",
    "condenser_water_supply_c",
)
"""Quantities of the physics' own answer."""
FADE_RATIO: Final = 0.1
"""Over this share of the hull's width beyond it the trees fade out [1]; they are flat there."""
_NEARLY_NOTHING: Final = 1e-9
BEFORE: Final = ("it_reference_kw", "dry_bulb_c", "wet_bulb_c", "cooling_load_kw", "outdoor_air_load_kw")
"""Those of which the hours before are told as well."""
WINDOWS_H: Final = (0.5, 2.0, 12.0)
"""Means over this long until now [h]; plants remember: water loops, basins, controls with hold times."""
RISING: Final = ("it_reference_kw", "wet_bulb_c")
"""The cooling power that is added never falls with these, nor with their means."""
TREE_OPTIONS: Final[dict[str, Any]] = {
    "objective": "l2",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
ROUNDS: Final = 400
"""Trees of a model."""
_BEGIN: Final = "tree\n"
"""What LightGBM writes first."""
_NOT_ASKED: Final = (
    "tree_sizes=", "split_gain=", "leaf_weight=", "leaf_count=", "internal_value=", "internal_weight=",
    "internal_count=",
)  # fmt: skip
"""Lines of what LightGBM writes that tell how trees were learned; answers do not need them."""


@dataclass(frozen=True, slots=True)
class Residual:
    """Trees for cooling power and inlet, and the hull outside which they are silent."""

    cooling: str
    """Trees for cooling power [kW], see `packed`."""
    inlet: str
    """Trees for the inlet temperature [K]; empty where no inlet was measured."""
    hull: dict[str, tuple[float, float]]
    """Least and greatest of each of GIVEN that the trees have seen."""

    def trust(self, conditions: Conditions, setpoints: Setpoints) -> Floats:
        """How much the trees count [1]: 1 where every condition and setpoint is in the hull, 0 well outside.

        Between, it falls over FADE_RATIO of the hull's width, so that nothing jumps at its border.
        """
        trust: Floats = np.array(1.0)
        for name, values in _given(conditions, setpoints).items():
            if name in self.hull:
                low, high = self.hull[name]
                beyond = np.maximum(np.maximum(low - values, values - high), 0.0)
                fade = max(FADE_RATIO * (high - low), _NEARLY_NOTHING)
                trust = np.minimum(trust, np.maximum(1.0 - beyond / fade, 0.0))
        return trust

    def correct(
        self,
        state: PlantState,
        conditions: Conditions,
        setpoints: Setpoints,
        step_s: float,
        outside_kw: ArrayLike = 0.0,
    ) -> PlantState:
        """The physics' answer with what was learned on top.

        Args:
            state: the physics' answer, (..., time).
            conditions: what it was given.
            setpoints: what it was given.
            step_s: length of a step [s].
            outside_kw: cooling power to add outside the hull [kW].

        Returns:
            The same with `learned_kw` in the cooling power and with corrected inlets; facility power, heat
            rejected and the breakdown go with it.
        """
        table = features(state, conditions, setpoints, step_s)
        shape = state.it_kw.shape
        trust = np.broadcast_to(self.trust(conditions, setpoints), shape)
        elsewhere = (1.0 - trust) * np.asarray(outside_kw, dtype=np.float64)
        learned = trust * predicted(self.cooling, table).reshape(shape) + elsewhere
        learned = np.maximum(learned, -state.cooling_kw)
        warmer = trust * predicted(self.inlet, table).reshape(shape) if self.inlet else np.zeros(shape)
        facility = state.facility_kw + learned
        return replace(
            state,
            learned_kw=learned,
            cooling_kw=state.cooling_kw + learned,
            facility_kw=facility,
            heat_rejected_kw=state.heat_rejected_kw + learned,
            power_ratio=divide(facility, state.it_kw, otherwise=float("inf")),
            inlet_c=state.inlet_c + warmer,
            inlet_mean_c=state.inlet_mean_c + warmer,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Residual:
        """The inverse of `to_json`."""
        hull = {name: (low, high) for name, (low, high) in plain["hull"].items()}
        return cls(plain["cooling"], plain["inlet"], hull)

    def unusable(self) -> str:
        """Why it cannot be asked here, and what to do; empty where it can."""
        return unavailable() or "; ".join(
            sorted({text for trees in (self.cooling, self.inlet) if trees and (text := _unreadable(trees))})
        )


def learn(
    table: Floats,
    cooling_off_kw: Floats,
    inlet_off_k: Floats,
    hull: dict[str, tuple[float, float]],
    weights: Floats | None = None,
) -> Residual:
    """Trees for what the physics was off.

    Args:
        table: (n, features) what `features` says of each step.
        cooling_off_kw: (n,) measured minus modelled cooling power [kW], NaN where unknown.
        inlet_off_k: (n,) measured minus modelled inlet [K], NaN where unknown.
        hull: least and greatest of each of GIVEN.
        weights: (n,) how much each step counts; alike where not given.
    """
    return Residual(
        cooling=trained(table, cooling_off_kw, monotone(), weights),
        inlet=trained(table, inlet_off_k, [0] * table.shape[1], weights),
        hull=hull,
    )


def features(state: PlantState, conditions: Conditions, setpoints: Setpoints, step_s: float) -> Floats:
    """(steps of all scenarios, features), in the order of `names`."""
    shape = state.it_kw.shape
    given = {k: np.broadcast_to(v, shape) for k, v in _given(conditions, setpoints).items()}
    known = given | {name: getattr(state, name) for name in MODELLED}
    columns = list(known.values())
    columns += [_mean_until(known[name], hours, step_s) for name in BEFORE for hours in WINDOWS_H]
    return np.stack([column.reshape(-1) for column in columns], axis=1)


def names() -> list[str]:
    """What the columns of `features` are."""
    return [*GIVEN, *MODELLED, *(f"{name} {hours:g} h" for name in BEFORE for hours in WINDOWS_H)]


def hull_of(conditions: Conditions, setpoints: Setpoints) -> dict[str, tuple[float, float]]:
    """Least and greatest of every condition and setpoint that the plant has."""
    given = _given(conditions, setpoints)
    return {name: (float(np.min(v)), float(np.max(v))) for name, v in given.items() if np.isfinite(v).all()}


def _given(conditions: Conditions, setpoints: Setpoints) -> dict[str, Floats]:
    parts = {name: conditions if hasattr(conditions, name) else setpoints for name in GIVEN}
    return {name: np.asarray(getattr(part, name), dtype=np.float64) for name, part in parts.items()}


def _mean_until(values: Floats, hours: float, step_s: float) -> Floats:
    """Mean over the steps of a time until now, of as many as there are; time is the last axis."""
    count = max(round(hours * SECONDS_PER_HOUR / step_s), 1)
    total = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    last = np.arange(1, values.shape[-1] + 1)
    first = np.maximum(last - count, 0)
    mean: Floats = (total[..., last] - total[..., first]) / (last - first)
    return mean


def monotone() -> list[int]:
    """By column, the direction in which cooling power may go with it; 0 is any."""
    return [int(name.split(" ")[0] in RISING) for name in names()]


def trained(table: Floats, off: Floats, signs: list[int], weights: Floats | None) -> str:
    """Trees for what was off, as text.

    Args:
        table: (n, features) what `features` says of each step.
        off: (n,) measured minus modelled, NaN where unknown.
        signs: by column the direction in which the answer may go with it; 0 is any.
        weights: (n,) how much each step counts; alike where not given.
    """
    import lightgbm  # noqa: PLC0415  # half a second that most commands do not need

    known = np.isfinite(off)
    if not known.any():
        return ""
    weight = None if weights is None else weights[known]
    data = lightgbm.Dataset(table[known], off[known], weight=weight, free_raw_data=True)
    options = TREE_OPTIONS | {"monotone_constraints": signs}
    return packed(lightgbm.train(options, data, ROUNDS).model_to_string())


def packed(text: str) -> str:
    """Trees as LightGBM writes them, a quarter as long: what they answer with, in letters for JSON."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(_NOT_ASKED))
    return base64.b64encode(zlib.compress(kept.encode(), level=9)).decode()


def unpacked(trees: str) -> str:
    """Trees as LightGBM reads them; earlier calibrations stored them so."""
    return trees if trees.startswith(_BEGIN) else zlib.decompress(base64.b64decode(trees)).decode()


def predicted(trees: str, table: Floats) -> Floats:
    """(n,) what trees say of (n, features)."""
    return np.asarray(_booster(trees).predict(table, num_threads=1), dtype=np.float64)


@lru_cache(maxsize=8)
def _booster(trees: str) -> Any:
    import lightgbm  # noqa: PLC0415  # half a second that most commands do not need

    return lightgbm.Booster(model_str=unpacked(trees))


def unavailable() -> str:
    """Why trees can be neither learned nor asked here, and what to do; empty where they can."""
    try:
        import lightgbm  # noqa: F401, PLC0415  # as above
    except ImportError:
        return 'the package lightgbm is not installed; run `pip install "joulecast[twin]"`'
    except OSError as error:
        return f"lightgbm does not load ({error}); install libgomp1 (on Debian: `apt install libgomp1`)"
    return ""


def _unreadable(trees: str) -> str:
    """Why trees that were stored do not serve; empty where they do."""
    from lightgbm.basic import LightGBMError  # noqa: PLC0415  # as above

    again = "run `joulecast twin calibrate` to learn anew"
    try:
        known = _booster(trees).num_feature()
    except (LightGBMError, ValueError, zlib.error):
        return f"its trees cannot be read; {again}"
    return "" if known == len(names()) else f"it knows {known} quantities, the twin {len(names())}; {again}"

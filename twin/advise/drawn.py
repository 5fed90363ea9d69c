"""Plants drawn from a calibration's covariance, as one: what the twin does not know, in a single solve."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.advise.search import EXPECTED, run
from twin.plant.tower import TowerParameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.actions import Setpoint
    from core.series import Floats
    from twin.advise.outlook import Outlook
    from twin.network import Parameters, PlantState


@dataclass(frozen=True, slots=True)
class Drawn:
    """Plants that the data allow beside the fitted one."""

    plants: tuple[Parameters, ...]
    """One by one."""
    stack: Parameters | None
    """All of them as one; none where the design's equations take one plant at a time."""

    @classmethod
    def of(cls, plants: Sequence[Parameters]) -> Drawn:
        """From plants of one design."""
        return cls(tuple(plants), stacked(plants) if _stackable(plants) else None)

    def run(self, outlook: Outlook, setpoints: Mapping[Setpoint, Floats]) -> list[PlantState]:
        """Their states at the expected load and weather, (..., k, 1, n); one, or one for each plant."""
        if self.stack is not None:
            return [run(self.stack, outlook, setpoints, EXPECTED, plants=len(self.plants))]
        return [run(plant, outlook, setpoints, EXPECTED) for plant in self.plants]


def _stackable(plants: Sequence[Parameters]) -> bool:
    return len(plants) > 1 and all(
        plant.rejection.__class__ is TowerParameters and not plant.envelope_kw_per_k for plant in plants
    )


def stacked(plants: Sequence[Parameters]) -> Parameters:
    """Plants of one design as one set of parameters, of shape (m, 1, 1, 1) where they differ.

    Its state has the plants on the first axis; the conditions must have that axis too.
    """
    return _stack(list(plants))  # type: ignore[no-any-return]  # of what went in


def _stack(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, float):
        same = all(part == first for part in parts)
        return first if same else np.array(parts).reshape(-1, 1, 1, 1)
    names = _names(first)
    together = {name: _stack([getattr(part, name) for part in parts]) for name in names}
    changed = {name: value for name, value in together.items() if value is not getattr(first, name)}
    return replace(first, **changed) if changed else first


def _names(part: Any) -> tuple[str, ...]:
    if is_dataclass(part) and not isinstance(part, type):
        return tuple(field.name for field in fields(part))
    return ()

"""The demo plant's own controller: its own setpoints, and those that it is told under a sign of life.

It needs nobody: without a heartbeat it goes back to its own setpoints, whatever it was told before.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HEARTBEAT_MAX_S: Final = 30.0
"""After so long without a sign of life nothing that it was told holds any more [wall s]."""
OWN_LIMITS_C: Final = {
    "hall/supply_air_temperature_setpoint": (15.0, 30.0),
    "chw-loop/chilled_water_supply_temperature_setpoint": (5.0, 18.0),
    "tower/condenser_water_supply_temperature_setpoint": (14.0, 35.0),
}
"""What it lets itself be told, whoever says it [degC]."""


class Controller:
    """Setpoints by ``asset/point`` [degC]; may be used from several threads.

    Args:
        own: its own setpoints.
        now_s: a clock that only grows [wall s].
    """

    def __init__(self, own: Mapping[str, float], now_s: float) -> None:
        self._own, self._told = dict(own), dict[str, float]()
        self._taken: set[str] = set()
        """Points that somebody at the plant has taken over."""
        self._heard_s = now_s
        self._lock = threading.Lock()

    def tell(self, point: str, value: float | None, now_s: float) -> None:
        """Hold a value in place of its own, or (None) go back; what is outside its limits is ignored."""
        with self._lock:
            if value is None:
                self._told.pop(point, None)
                self._taken.discard(point)
                return
            low, high = OWN_LIMITS_C[point]
            if low <= value <= high and point not in self._taken:
                self._told[point] = value
                self._heard_s = now_s

    def set_own(self, point: str, value: float) -> None:
        """What somebody at the plant sets; it holds against whatever it is told."""
        with self._lock:
            low, high = OWN_LIMITS_C[point]
            if low <= value <= high:
                self._own[point] = value
                if self._told.pop(point, None) is not None:
                    self._taken.add(point)

    def beat(self, now_s: float) -> None:
        """Whoever tells it setpoints lives."""
        with self._lock:
            self._heard_s = now_s

    def in_force(self, now_s: float) -> dict[str, float]:
        """What the plant follows."""
        with self._lock:
            if now_s - self._heard_s > HEARTBEAT_MAX_S:
                self._told.clear()
            return self._own | self._told

    def mode(self, point: str) -> str:
        """Whose setpoint holds."""
        with self._lock:
            if point in self._taken:
                return "override"
            return "remote" if point in self._told else "local"

"""Modbus TCP: a setpoint register, a coil that says that it holds, a heartbeat register.

Modbus knows no priorities: it is the PLC's own program that goes back to its own setpoint when the coil is
cleared or the heartbeat register stands still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from ingest.edge.drivers.base import DriverError, Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.edge.config import ModbusPlant, Point

FORMATS: Final = {
    "float32": ModbusTcpClient.DATATYPE.FLOAT32,
    "int16": ModbusTcpClient.DATATYPE.INT16,
}
REGISTER_MAX: Final = 0xFFFF


class ModbusDriver:
    """One PLC."""

    def __init__(self, plant: ModbusPlant, points: Mapping[str, Point]) -> None:
        self._plant, self._points = plant, points
        self._client = ModbusTcpClient(plant.host, port=plant.port, timeout=plant.patience_s, retries=1)
        self._beats = 0

    def read(self, point: str) -> Seen:
        """What the PLC says is in force, and whether somebody at it has taken over."""
        wired = self._points[point]
        format_ = FORMATS[wired.format]
        found = self._ask("read_holding_registers", wired.in_force_register, count=format_.value[1]).registers
        value: Any = self._client.convert_from_registers(found, format_)
        return Seen(
            float(value) * wired.scale,
            "somebody at the controller has taken over" if self._taken(wired) else "",
        )

    def _taken(self, wired: Point) -> bool:
        if wired.local_register is None:
            return False
        return bool(self._ask("read_holding_registers", wired.local_register, count=1).registers[0])

    def write(self, point: str, value: float) -> None:
        """Give a sign of life, then the setpoint, and only then say that it holds."""
        wired = self._points[point]
        scaled = value / wired.scale
        content = round(scaled) if wired.format == "int16" else scaled
        self.beat()
        registers = self._client.convert_to_registers(content, FORMATS[wired.format])
        self._ask("write_registers", wired.setpoint_register, registers)
        self._ask("write_coil", wired.enable_coil, True)  # noqa: FBT003  # the library's way

    def release(self, point: str) -> None:
        """Say that it does not hold any more."""
        self._ask("write_coil", self._points[point].enable_coil, False)  # noqa: FBT003  # the library's way

    def beat(self) -> None:
        """Count the heartbeat register up."""
        self._beats = (self._beats + 1) % (REGISTER_MAX + 1)
        self._ask("write_register", self._plant.heartbeat_register, self._beats)

    def close(self) -> None:
        """Leave the PLC."""
        self._client.close()

    def _ask(self, what: str, address: int | None, *arguments: Any, **options: Any) -> Any:
        try:
            if not self._client.connected and not self._client.connect():
                raise DriverError(f"{self._plant.host}:{self._plant.port} is not reachable")
            answer = getattr(self._client, what)(
                address, *arguments, device_id=self._plant.unit_id, **options
            )
        except (ModbusException, OSError) as error:
            raise DriverError(f"{what} {address}: {error}") from error
        if answer.isError():
            raise DriverError(f"{what} {address}: {answer}")
        return answer

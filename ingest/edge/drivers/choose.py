"""Which driver a gateway's file asks for; a new one is one entry here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import InputError
from ingest.edge.config import BacnetPlant, MqttPlant
from ingest.edge.drivers.base import DriverError
from ingest.mqtt import Version

if TYPE_CHECKING:
    from ingest.edge.config import Edge
    from ingest.edge.drivers.base import Driver


def make(edge: Edge) -> Driver:
    """The driver that a gateway's file asks for.

    Raises:
        InputError: its library is not installed, or it names something impossible.
    """
    plant = edge.plant
    if isinstance(plant, MqttPlant):
        from ingest.edge.drivers.mqtt import MqttDriver  # noqa: PLC0415  # each gateway needs one of them

        url = plant.broker or edge.broker
        return MqttDriver(url, plant.prefix, edge.points, Version(edge.mqtt_version), plant.patience_s)
    try:
        if isinstance(plant, BacnetPlant):
            from ingest.edge.drivers.bacnet import BacnetDriver  # noqa: PLC0415  # the extra edge

            return BacnetDriver(plant, edge.points)
        from ingest.edge.drivers.modbus import ModbusDriver  # noqa: PLC0415  # the extra edge

        return ModbusDriver(plant, edge.points)
    except ModuleNotFoundError as error:
        raise InputError(
            "plant.kind",
            found=f"{plant.kind}, without the library {error.name}",
            allowed="mqtt, or an installation with the extra edge",
            do="pip install 'joulecast[edge]'",
        ) from error
    except DriverError as error:
        raise InputError(
            "plant", found=str(error), allowed="an address of this machine", do="correct plant.address"
        ) from error

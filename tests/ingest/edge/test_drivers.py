"""Each driver against a simulated device: a real BACnet device and Modbus server, a real broker."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser
from bacpypes3.local.analog import AnalogValueObject, AnalogValueObjectCmd
from bacpypes3.primitivedata import Null, Real
from plant_on_mqtt import AIR, OWN, PlantOnMqtt
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from ingest.edge.config import BacnetPlant, ModbusPlant, Point
from ingest.edge.drivers.bacnet import BacnetDriver
from ingest.edge.drivers.base import DriverError
from ingest.edge.drivers.modbus import ModbusDriver
from ingest.edge.drivers.mqtt import MqttDriver
from ingest.mqtt import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from ingest.edge.drivers.base import Driver

PATIENCE_S = 5.0
LOCAL = "127.0.0.1"


@dataclass
class Device:
    """What a test may do to the simulated device, whatever it speaks."""

    driver: Driver
    take_over: Callable[[float | None], None]
    """Somebody at the device sets a value, or gives it back."""
    beats: Callable[[], float]
    """How far the sign of life has been counted."""
    go_away: Callable[[], None]
    """It is not reachable any more."""
    keeps_own_value: bool = True
    """Whether what somebody at the device set stays when he gives it back."""


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind((LOCAL, 0))
        return int(found.getsockname()[1])


@contextmanager
def looping() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """An event loop in a thread; what it yields runs a coroutine there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_S)
    loop.close()


@contextmanager
def bacnet() -> Iterator[Device]:
    ours, theirs = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    setpoint = AnalogValueObjectCmd(objectIdentifier=("analog-value", 1), objectName="sp", presentValue=21.0)
    counter = AnalogValueObject(objectIdentifier=("analog-value", 9), objectName="hb", presentValue=0.0)

    async def open_device() -> Application:
        words = ["--name", "AHU", "--instance", "100", "--address", f"{LOCAL}/32:{theirs}"]
        app = Application.from_args(SimpleArgumentParser().parse_args(words))
        app.add_object(setpoint)
        app.add_object(counter)
        return app

    async def close(app: Application) -> None:
        app.close()
        await asyncio.sleep(0.05)  # the loop closes the socket in its own time

    with looping() as run:
        app = run(open_device())
        plant = BacnetPlant(
            kind="bacnet",
            address=f"{LOCAL}/32:{ours}",
            device=f"{LOCAL}:{theirs}",
            priority=11,
            heartbeat_object="analog-value,9",
            patience_s=1.0,
        )
        driver = BacnetDriver(plant, {AIR: Point(min=15, max=30, object="analog-value,1")})

        def take_over(value: float | None) -> None:
            content = Null(()) if value is None else Real(value)
            run(setpoint.write_property("presentValue", content, priority=8))

        gone: list[bool] = []

        def go_away() -> None:
            gone.append(True)
            run(close(app))

        yield Device(driver, take_over, lambda: float(counter.presentValue), go_away, keeps_own_value=False)
        driver.close()
        if not gone:
            run(close(app))


@dataclass
class Plc:
    """A PLC's program: it follows the setpoint while the coil is set and the heartbeat runs."""

    own: float = 21.0
    registers: dict[int, int] = field(default_factory=dict)
    coils: dict[int, bool] = field(default_factory=dict)
    taken: bool = False
    beat_s: float = 0.0
    patience_s: float = 0.5

    async def act(
        self, code: int, start: int, address: int, count: int, current: list[int], new: list[Any] | None
    ) -> None:
        if code == 3:
            current[10 - start : 12 - start] = self._encoded(self.in_force())
            current[15 - start] = int(self.taken)
        for i, value in enumerate((new or [])[:count]):
            (self.coils if code in {5, 15} else self.registers)[address + i] = value
            if code in {6, 16} and address + i == 20:
                self.beat_s = time.monotonic()

    def in_force(self) -> float:
        alive = time.monotonic() - self.beat_s < self.patience_s
        if self.coils.get(0) and alive and not self.taken:
            return self._decoded([self.registers.get(0, 0), self.registers.get(1, 0)])
        return self.own

    def _encoded(self, value: float) -> list[int]:
        from pymodbus.client import ModbusTcpClient as Codec  # noqa: PLC0415  # only its arithmetic

        return Codec.convert_to_registers(value, Codec.DATATYPE.FLOAT32)

    def _decoded(self, registers: list[int]) -> float:
        from pymodbus.client import ModbusTcpClient as Codec  # noqa: PLC0415  # only its arithmetic

        found = Codec.convert_from_registers(registers, Codec.DATATYPE.FLOAT32)
        assert isinstance(found, float)
        return found


@contextmanager
def modbus_server(plc: Plc) -> Iterator[tuple[int, Callable[[], None]]]:
    port = free_port(socket.SOCK_STREAM)
    registers = [SimData(0, count=32, values=0, datatype=DataType.REGISTERS)]
    bits = [SimData(0, count=16, values=False, datatype=DataType.BITS)]
    device = SimDevice(id=1, simdata=(bits, bits, registers, registers), action=plc.act)

    async def serve() -> ModbusTcpServer:
        server = ModbusTcpServer(device, address=(LOCAL, port))
        await server.serve_forever(background=True)
        return server

    with looping() as run, ExitStack() as ends:
        server = run(serve())
        ends.callback(lambda: run(server.shutdown()))
        yield port, ends.close


@contextmanager
def modbus() -> Iterator[Device]:
    plc = Plc(patience_s=60.0)
    with modbus_server(plc) as (port, go_away):
        plant = ModbusPlant(kind="modbus", host=LOCAL, port=port, heartbeat_register=20, patience_s=1.0)
        driver = ModbusDriver(plant, {AIR: _wired()})

        def take_over(value: float | None) -> None:
            plc.taken = value is not None
            plc.own = plc.own if value is None else value

        yield Device(driver, take_over, lambda: plc.registers.get(20, 0), go_away)
        driver.close()


def _wired(**other: Any) -> Point:
    return Point(
        min=15, max=30, setpoint_register=0, in_force_register=10, enable_coil=0, local_register=15, **other
    )


@contextmanager
def mqtt(broker_url: str) -> Iterator[Device]:
    with ExitStack() as open_, PlantOnMqtt(broker_url, prefix="plant/driver") as plant:
        driver = MqttDriver(broker_url, "plant/driver", OWN, Version.V5, 3.0)
        open_.callback(driver.close)
        beats: list[float] = []
        heard = plant.controller.beat
        plant.controller.beat = lambda now_s: (beats.append(now_s), heard(now_s))[1]  # type: ignore[method-assign]  # it is listened to

        def take_over(value: float | None) -> None:
            if value is None:
                plant.controller.tell(AIR, None, time.monotonic())
            else:
                plant.controller.set_own(AIR, value)

        def go_away() -> None:
            plant.__exit__()
            driver._states.clear()

        yield Device(driver, take_over, lambda: float(len(beats)), go_away)


@pytest.fixture(params=["bacnet", "modbus", "mqtt"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    if request.param == "mqtt":
        with mqtt(request.getfixturevalue("broker_url")) as found:
            yield found
        return
    with {"bacnet": bacnet, "modbus": modbus}[request.param]() as found:
        yield found


def wait_for(fulfilled: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not fulfilled():
        assert time.monotonic() < until
        time.sleep(0.02)  # the device says it in its own time


def test_every_driver_holds_and_gives_back(device: Device) -> None:
    driver = device.driver
    assert driver.read(AIR).value == 21.0
    driver.write(AIR, 22.5)
    assert (driver.read(AIR).value, driver.read(AIR).override) == (22.5, "")
    driver.write(AIR, 23.0)
    assert driver.read(AIR).value == 23.0
    driver.release(AIR)
    assert driver.read(AIR).value == 21.0
    driver.release(AIR)  # harmless
    assert driver.read(AIR).value == 21.0


def test_every_driver_sees_who_has_taken_over(device: Device) -> None:
    device.driver.read(AIR)
    device.driver.write(AIR, 22.5)
    device.take_over(20.0)
    wait_for(lambda: bool(device.driver.read(AIR).override))
    assert device.driver.read(AIR).value == 20.0
    device.driver.release(AIR)
    device.take_over(None)
    own = 20.0 if device.keeps_own_value else 21.0
    wait_for(lambda: (device.driver.read(AIR).value, device.driver.read(AIR).override) == (own, ""))


def test_every_driver_gives_signs_of_life(device: Device) -> None:
    device.driver.read(AIR)
    before = device.beats()
    device.driver.beat()
    device.driver.beat()
    wait_for(lambda: device.beats() >= before + 2)


def test_every_driver_says_when_the_device_is_away(device: Device) -> None:
    device.driver.read(AIR)
    device.go_away()
    with pytest.raises(DriverError):
        device.driver.read(AIR)
    with pytest.raises(DriverError):
        device.driver.write(AIR, 22.0)


def test_a_plc_goes_back_when_the_heartbeat_stops() -> None:
    plc = Plc(patience_s=0.4)
    with modbus_server(plc) as (port, _):
        plant = ModbusPlant(kind="modbus", host=LOCAL, port=port, heartbeat_register=20)
        driver = ModbusDriver(plant, {AIR: _wired()})
        driver.write(AIR, 22.5)
        assert driver.read(AIR).value == 22.5
        wait_for(lambda: driver.read(AIR).value == 21.0)
        driver.beat()
        assert driver.read(AIR).value == 22.5
        driver.close()


def test_small_registers_hold_scaled_numbers() -> None:
    plc = Plc(patience_s=60.0)
    with modbus_server(plc) as (port, _):
        plant = ModbusPlant(kind="modbus", host=LOCAL, port=port, heartbeat_register=20)
        driver = ModbusDriver(plant, {AIR: _wired(format="int16", scale=0.1)})
        driver.write(AIR, 22.5)
        assert plc.registers[0] == 225
        driver.write(AIR, -1.5)
        assert plc.registers[0] == 0x10000 - 15
        driver.close()


def test_a_bacnet_object_that_is_not_there_is_said() -> None:
    with bacnet() as device:
        assert isinstance(device.driver, BacnetDriver)
        device.driver._points = {AIR: Point(min=15, max=30, object="analog-value,7")}
        with pytest.raises(DriverError, match="unknown-object"):
            device.driver.read(AIR)

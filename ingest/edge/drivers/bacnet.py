"""BACnet/IP: a value at a priority between the schedule's and the operator's, relinquished with NULL.

A controller may keep what was written over its own restart; its program can be told to let go when the
heartbeat object stands still.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

from bacpypes3.apdu import ErrorRejectAbortNack
from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser
from bacpypes3.primitivedata import Null

from ingest.edge.drivers.base import DriverError, Seen

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from ingest.edge.config import BacnetPlant, Point

PRESENT: Final = "present-value"
CLOSING_S: Final = 0.05
COUNT_MAX: Final = 1_000_000
"""A float32 still tells numbers below this apart."""


class BacnetDriver:
    """One controller; the library's event loop runs in a thread of its own."""

    def __init__(self, plant: BacnetPlant, points: Mapping[str, Point]) -> None:
        self._plant, self._points = plant, points
        self._beats = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bacnet", daemon=True)
        self._thread.start()
        try:
            self._app: Application = self._run(self._open())
        except DriverError:
            self._end_loop()
            raise

    def read(self, point: str) -> Seen:
        """The present value, and whether a higher priority than ours holds it."""
        name = self._points[point].object
        held = [
            f"priority {number} holds {_content(value):g}"
            for number, value in enumerate(self._ask(name, "priority-array"), 1)
            if number < self._plant.priority and _content(value) is not None
        ]
        return Seen(float(self._ask(name, PRESENT)), held[0] if held else "")

    def write(self, point: str, value: float) -> None:
        """Hold a value at our priority."""
        self._tell(self._points[point].object, value, self._plant.priority)

    def release(self, point: str) -> None:
        """Relinquish our priority."""
        self._tell(self._points[point].object, Null(()), self._plant.priority)

    def beat(self) -> None:
        """Count the heartbeat object up, where there is one."""
        if self._plant.heartbeat_object:
            self._beats = (self._beats + 1) % COUNT_MAX
            self._tell(self._plant.heartbeat_object, float(self._beats), None)

    def close(self) -> None:
        """Close our port and end the thread."""
        self._run(self._shut())
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._plant.patience_s)
        self._loop.close()

    async def _open(self) -> Application:
        plant = self._plant
        arguments = ["--name", "Joulecast", "--instance", str(plant.instance), "--address", plant.address]
        return Application.from_args(SimpleArgumentParser().parse_args(arguments))

    async def _shut(self) -> None:
        self._app.close()
        await asyncio.sleep(CLOSING_S)  # the loop closes the socket in its own time

    def _ask(self, name: str | None, what: str) -> Any:
        return self._checked(self._app.read_property(self._plant.device, str(name), what), f"{name} {what}")

    def _tell(self, name: str | None, value: Any, priority: int | None) -> None:
        write = self._app.write_property(self._plant.device, str(name), PRESENT, value, priority=priority)
        self._checked(write, f"{name}")

    def _checked(self, request: Coroutine[Any, Any, Any], what: str) -> Any:
        answer = self._run(asyncio.wait_for(request, self._plant.patience_s), what)
        if isinstance(answer, ErrorRejectAbortNack):
            raise DriverError(f"{what}: {answer}")
        return answer

    def _run(self, work: Coroutine[Any, Any, Any], what: str = "BACnet") -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except (ErrorRejectAbortNack, OSError, RuntimeError, TimeoutError, ValueError) as error:
            raise DriverError(f"{what}: {error or type(error).__name__}") from error


def _content(value: Any) -> float | None:
    """What stands at one priority; None for NULL."""
    kind = value._choice  # noqa: SLF001  # the library has no other way to ask
    return None if kind is None or kind == "null" else float(getattr(value, kind))

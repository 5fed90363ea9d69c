"""NVIDIA GPUs, asked through NVML (`nvidia-ml-py`): one sample a GPU or MIG instance, one message a sample.

What a GPU does not tell is absent, never 0. On Ampere and newer `nvmlDeviceGetPowerUsage` is an average of
about a second; the instantaneous power is field 186, the average field 185 (NVML API reference).
"""

from __future__ import annotations

import logging
import platform
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pynvml

from core.errors import InputError, ServiceError
from ingest.mqtt import Version
from ingest.sources import polling
from ingest.sources.polling import Sample, canonical

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from core.clock import Clock
    from core.site import Site

log = logging.getLogger(__name__)

UUID_CHARS: Final = 8
"""How much of a GPU's UUID is in its asset's name."""
AGAIN_S: Final = 30.0
"""A GPU that fell off the bus is looked for again, with the driver initialised anew, after so long [s]."""
_LOST: Final = (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED)
_FIELDS: Final = (
    pynvml.NVML_FI_DEV_POWER_AVERAGE,
    pynvml.NVML_FI_DEV_POWER_INSTANT,
    pynvml.NVML_FI_DEV_MEMORY_TEMP,
)
_UNUSABLE_IN_NAMES: Final = re.compile(r"[^a-z0-9_\-]+")


class _LostError(Exception):
    """The GPU has fallen off the bus."""


@contextmanager
def driver() -> Iterator[None]:
    """NVML for the length of a block.

    Raises:
        InputError: there is no NVIDIA driver.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise InputError(
            "NVIDIA driver",
            found=f"none that answers ({error})",
            allowed="a machine with an NVIDIA GPU and its driver (libnvidia-ml.so.1)",
            do="install the driver, or run this where the GPUs are",
        ) from error
    try:
        yield
    finally:
        with suppress(pynvml.NVMLError):  # the driver may have gone in between
            pynvml.nvmlShutdown()


def read_gpus(lost: set[int] | None = None) -> list[Sample]:
    """One sample of every GPU that answers and of each of its MIG instances; to be called within `driver`.

    Args:
        lost: GPUs that are known not to answer, so that each is warned of once; kept up to date.
    """
    samples = []
    known = set() if lost is None else lost
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            gpu = pynvml.nvmlDeviceGetHandleByIndex(index)
            samples += [_sample(gpu, index), *_instances(gpu)]
        except (_LostError, pynvml.NVMLError) as error:
            if index not in known:
                log.warning("GPU %d does not answer: %s", index, error)
            known.add(index)
        else:
            if index in known:
                log.warning("GPU %d answers again", index)
            known.discard(index)
    return samples


def _ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """One question; None where the GPU or its driver does not know the answer."""
    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _LOST:
            raise _LostError(str(error)) from error
        log.debug("%s: %s", function.__name__, error)
        return None


def _sample(gpu: Any, index: int) -> Sample:
    average_mw, instant_mw, memory_c = _field_values(gpu, *_FIELDS)
    if average_mw is None:
        average_mw = _ask(pynvml.nvmlDeviceGetPowerUsage, gpu)
    use = _ask(pynvml.nvmlDeviceGetUtilizationRates, gpu)
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, gpu)
    told: tuple[tuple[str, float | None, str], ...] = (
        ("gpu_power", average_mw, "mW"),
        ("gpu_power_instant", instant_mw, "mW"),
        ("gpu_power_limit", _ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, gpu), "mW"),
        ("energy", _ask(pynvml.nvmlDeviceGetTotalEnergyConsumption, gpu), "mJ"),
        ("utilisation", use and use.gpu, "%"),
        ("memory_utilisation", use and use.memory, "%"),
        ("gpu_temperature", _temperature_c(gpu), "degC"),
        ("gpu_memory_temperature", memory_c, "degC"),
        ("gpu_clock", _ask(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_SM), "MHz"),
        ("gpu_memory_clock", _ask(pynvml.nvmlDeviceGetClockInfo, gpu, pynvml.NVML_CLOCK_MEM), "MHz"),
        ("gpu_memory_used", memory and memory.used, "B"),
        ("gpu_fan_speed_ratio", _ask(pynvml.nvmlDeviceGetFanSpeed, gpu), "%"),
        ("gpu_throttle_reasons", _ask(pynvml.nvmlDeviceGetCurrentClocksEventReasons, gpu), "count"),
    )
    return Sample(_asset(gpu, index), canonical(told))


def _instances(gpu: Any) -> list[Sample]:
    """MIG instances, where the GPU is divided. Power, energy and clocks are the whole GPU's."""
    mode = _ask(pynvml.nvmlDeviceGetMigMode, gpu)
    if not mode or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return []
    samples = []
    for index in range(_ask(pynvml.nvmlDeviceGetMaxMigDeviceCount, gpu) or 0):
        instance = _ask(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu, index)
        uuid = _ask(pynvml.nvmlDeviceGetUUID, instance) if instance is not None else None
        if not uuid:
            continue  # no instance has this number
        memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, instance)
        use = _ask(pynvml.nvmlDeviceGetUtilizationRates, instance)
        told = (("gpu_memory_used", memory and memory.used, "B"), ("utilisation", use and use.gpu, "%"))
        name = f"mig-{str(uuid).lower().removeprefix('mig-')[:UUID_CHARS]}"
        samples.append(Sample(name, canonical(told)))
    return [sample for sample in samples if sample.values]


def _temperature_c(gpu: Any) -> float | None:
    """Core temperature; the older call goes away with CUDA 14, the newer one is not in older drivers."""
    found: float | None = _ask(pynvml.nvmlDeviceGetTemperatureV, gpu, pynvml.NVML_TEMPERATURE_GPU)
    if found is None:
        found = _ask(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU)
    return found


_MEMBERS: Final = {
    pynvml.NVML_VALUE_TYPE_DOUBLE: "dVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_INT: "uiVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG: "ulVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: "ullVal",
    pynvml.NVML_VALUE_TYPE_SIGNED_LONG_LONG: "sllVal",
    pynvml.NVML_VALUE_TYPE_SIGNED_INT: "siVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_SHORT: "usVal",
}


def _field_values(gpu: Any, *wanted: int) -> tuple[float | None, ...]:
    """Field values, each with a return code and a type of its own."""
    found = _ask(pynvml.nvmlDeviceGetFieldValues, gpu, list(wanted))
    if found is None:
        return (None,) * len(wanted)
    return tuple(
        float(getattr(item.value, _MEMBERS[item.valueType]))
        if item.nvmlReturn == pynvml.NVML_SUCCESS and item.valueType in _MEMBERS
        else None
        for item in found
    )


def _asset(gpu: Any, index: int) -> str:
    uuid = _ask(pynvml.nvmlDeviceGetUUID, gpu)
    if uuid:
        return f"gpu-{str(uuid).lower().removeprefix('gpu-')[:UUID_CHARS]}"
    host = _UNUSABLE_IN_NAMES.sub("-", platform.node().lower()).strip("-_") or "host"
    return f"gpu-{host}-{index}"


class Gpus:
    """This machine's GPUs for as long as a program runs; use it in a `with driver()` block.

    A GPU that falls off the bus is left out and looked for again: after a reset only a new initialisation of
    the driver's library finds it.

    Args:
        again_s: how long between two such looks [s].
    """

    def __init__(self, again_s: float = AGAIN_S) -> None:
        self._again_s = again_s
        self._lost: set[int] = set()
        self._looked: datetime | None = None

    def poll(self, now: datetime) -> list[Sample]:
        """One sample of every GPU that answers.

        Raises:
            ServiceError: the driver itself does not answer.
        """
        try:
            if self._lost and self._looked and (now - self._looked).total_seconds() >= self._again_s:
                self._looked = now
                pynvml.nvmlShutdown()
                pynvml.nvmlInit()
            found = read_gpus(self._lost)
        except pynvml.NVMLError as error:
            raise ServiceError(f"the NVIDIA driver does not answer: {error}") from error
        self._looked = (self._looked or now) if self._lost else None
        return found


def collect(
    interval_s: float,
    broker_url: str,
    site: Site,
    clock: Clock,
    stop: threading.Event,
    on_sample: Callable[[list[Any]], None] | None = None,
    again_s: float = AGAIN_S,
    *,
    version: Version = Version.V5,
) -> int:
    """Read all GPUs again and again and publish what they say, until `stop` is set.

    Args:
        interval_s: between two samples [wall s].
        broker_url: where to publish.
        site: whose readings they are.
        clock: the time of the samples.
        stop: ends it.
        on_sample: told of each round.
        again_s: between two looks for a GPU that fell off the bus [s].
        version: the protocol spoken with the broker.

    Returns:
        How many samples were published.

    Raises:
        InputError: there is no NVIDIA driver, or the interval is not positive.
        ServiceError: the broker cannot be reached at the start.
    """
    with driver():
        poll = Gpus(again_s).poll
        return polling.collect(poll, interval_s, broker_url, site, clock, stop, on_sample, version=version)

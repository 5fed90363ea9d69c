"""NVIDIA GPUs, asked through NVML (`nvidia-ml-py`): one sample a GPU, one message a sample.

What a GPU does not tell is absent, never 0. On Ampere and newer `nvmlDeviceGetPowerUsage` is an average of
about a second; the instantaneous power is field 186, the average field 185 (NVML API reference).
"""

from __future__ import annotations

import logging
import platform
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pynvml

from core.errors import InputError
from core.points import point_type
from core.units import to_canonical
from ingest.codec import json_batch
from ingest.mqtt import Publisher
from ingest.topics import asset_topic

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from core.clock import Clock
    from core.site import Site

log = logging.getLogger(__name__)

UUID_CHARS: Final = 8
"""How much of a GPU's UUID is in its asset's name."""
IN_FLIGHT: Final = 1000
"""Messages that may wait for the broker; beyond, samples are left out, with a warning."""
_LOST: Final = (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED)
_FIELDS: Final = (
    pynvml.NVML_FI_DEV_POWER_AVERAGE,
    pynvml.NVML_FI_DEV_POWER_INSTANT,
    pynvml.NVML_FI_DEV_MEMORY_TEMP,
)
_UNUSABLE_IN_NAMES: Final = re.compile(r"[^a-z0-9_\-]+")


@dataclass(frozen=True, slots=True)
class GpuSample:
    """What one GPU says of itself at one time."""

    asset: str
    """``gpu-`` and the first 8 digits of its UUID, or host and index."""
    values: dict[str, float]
    """By the catalogue's names [canonical unit]; what the GPU does not tell is absent."""


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
        pynvml.nvmlShutdown()


def read_gpus() -> list[GpuSample]:
    """One sample of every GPU that answers; to be called within `driver`."""
    samples = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            samples.append(_sample(index))
        except (_LostError, pynvml.NVMLError) as error:
            log.warning("GPU %d does not answer: %s", index, error)
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


def _sample(index: int) -> GpuSample:
    gpu = pynvml.nvmlDeviceGetHandleByIndex(index)
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
    values = {
        name: to_canonical(float(value), unit, point_type(name).quantity)
        for name, value, unit in told
        if value is not None
    }
    return GpuSample(_asset(gpu, index), values)


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


def message(sample: GpuSample, time: datetime) -> bytes:
    """The payload of a sample."""
    return json_batch.encode(json_batch.Batch(dict(sample.values), time))


def collect(
    interval_s: float,
    broker_url: str,
    site: Site,
    clock: Clock,
    stop: threading.Event,
    on_sample: Callable[[list[GpuSample]], None] | None = None,
) -> int:
    """Read all GPUs again and again and publish what they say, until `stop` is set.

    Args:
        interval_s: time between two samples [wall s].
        broker_url: the broker.
        site: whose GPUs they are.
        clock: what time it is.
        stop: ends it.
        on_sample: told what was published.

    Returns:
        How many samples were published.

    Raises:
        InputError: there is no NVIDIA driver, or the interval is not positive.
        ServiceError: the broker cannot be reached at the start.
    """
    if not interval_s > 0:
        raise InputError("--interval", found=str(interval_s), allowed="seconds above 0", do="correct it")
    count = 0
    with driver(), Publisher(broker_url, in_flight=IN_FLIGHT) as publisher:
        while not stop.is_set():
            samples = read_gpus()
            if not publisher.has_room(len(samples)):
                log.warning("the broker does not answer: a sample of each GPU is left out")
                samples = []
            for sample in samples:
                publisher.publish(asset_topic(site.id, sample.asset), message(sample, clock.now()))
            count += len(samples)
            if on_sample:
                on_sample(samples)
            stop.wait(interval_s)
        publisher.flush()
    return count

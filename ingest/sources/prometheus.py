"""Prometheus text endpoints: NVIDIA's DCGM exporter and vLLM, by a table of what is which point.

The text format as in Prometheus' documentation ("Exposition formats", version 0.0.4): one sample a line. A
line that cannot be read costs the others nothing. Counters of energy and tokens stay counters.
"""

from __future__ import annotations

import math
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from core.errors import InputError, ServiceError
from core.points import point_type
from core.units import to_canonical
from ingest.sources.polling import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

TIMEOUT_S: Final = 10.0
ANSWER_MAX_BYTES: Final = 16 << 20
"""More is not read."""
UUID_CHARS: Final = 8
"""How much of a GPU's UUID is in its asset's name; as in `ingest.sources.nvml`."""

_UNUSABLE_IN_NAMES: Final = re.compile(r"[^a-z0-9_\-]+")
_LABEL: Final = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_LINE: Final = re.compile(
    r'^([A-Za-z_:][A-Za-z0-9_:]*)\s*(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$'
)
_ESCAPES: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class Metric(NamedTuple):
    """One sample of an endpoint."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Rule:
    """Which point a metric is."""

    point: str
    unit: str
    asset: Callable[[Mapping[str, str]], str | None]
    """Whose it is, from the labels; None: nobody's."""


def as_name(text: str) -> str:
    """Any text as a part of an asset's name."""
    return _UNUSABLE_IN_NAMES.sub("-", text.lower()).strip("-_")


def _gpu(labels: Mapping[str, str]) -> str | None:
    """``gpu-`` and the UUID's first 8 digits, as NVML's source has it.

    The exporter repeats a GPU's power, energy and clocks for each of its MIG instances: they stay the GPU's.
    """
    uuid = labels.get("UUID", "").lower().removeprefix("gpu-")[:UUID_CHARS]
    return as_name(f"gpu-{uuid}") if uuid else None


def _instance(labels: Mapping[str, str]) -> str | None:
    """A MIG instance, by its GPU and number, or the whole GPU."""
    gpu, instance = _gpu(labels), labels.get("GPU_I_ID", "")
    return as_name(f"{gpu}-mig-{instance}") if gpu and instance else gpu


def _model(labels: Mapping[str, str]) -> str | None:
    return as_name(f"llm-{labels['model_name']}") if labels.get("model_name") else None


RULES: Final[dict[str, Rule]] = {
    "DCGM_FI_DEV_POWER_USAGE": Rule("gpu_power", "W", _gpu),
    "DCGM_FI_DEV_POWER_USAGE_INSTANT": Rule("gpu_power_instant", "W", _gpu),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": Rule("energy", "mJ", _gpu),
    "DCGM_FI_DEV_GPU_TEMP": Rule("gpu_temperature", "degC", _gpu),
    "DCGM_FI_DEV_MEMORY_TEMP": Rule("gpu_memory_temperature", "degC", _gpu),
    "DCGM_FI_DEV_GPU_UTIL": Rule("utilisation", "%", _gpu),
    "DCGM_FI_DEV_MEM_COPY_UTIL": Rule("memory_utilisation", "%", _gpu),
    "DCGM_FI_DEV_FB_USED": Rule("gpu_memory_used", "MiB", _instance),
    "DCGM_FI_DEV_SM_CLOCK": Rule("gpu_clock", "MHz", _gpu),
    "DCGM_FI_DEV_MEM_CLOCK": Rule("gpu_memory_clock", "MHz", _gpu),
    "vllm:prompt_tokens_total": Rule("prompt_tokens", "count", _model),
    "vllm:generation_tokens_total": Rule("generation_tokens", "count", _model),
    "vllm:num_requests_running": Rule("active_tasks", "count", _model),
}
ADDED: Final = frozenset({"prompt_tokens", "generation_tokens", "active_tasks"})
"""Points whose series add up: one model may run on several engines."""


def parse(text: str) -> Iterator[Metric]:
    """The samples of an answer; what is no sample, or no finite number, is passed over."""
    for line in text.split("\n"):
        found = _LINE.match(line)
        if found is None:
            continue
        name, labels, number = found.groups()
        try:
            value = float(number)
        except ValueError:
            continue
        if math.isfinite(value):
            yield Metric(name, _labels(labels or ""), value)


def _labels(text: str) -> dict[str, str]:
    return {
        name: re.sub(r"\\[\\\"n]", lambda escape: _ESCAPES[escape[0]], value)
        for name, value in _LABEL.findall(text)
    }


def samples(text: str, asset: str | None = None) -> list[Sample]:
    """What an answer says about points of the catalogue.

    Args:
        text: the answer.
        asset: whose the model servers' points are, where the model's name is not to say.
    """
    found: dict[str, dict[str, float]] = {}
    for metric in parse(text):
        rule = RULES.get(metric.name)
        owner = rule.asset(metric.labels) if rule else None
        if rule is None or owner is None:
            continue
        if asset and rule.point in ADDED:
            owner = asset
        values = found.setdefault(owner, {})
        value = to_canonical(metric.value, rule.unit, point_type(rule.point).quantity)
        values[rule.point] = value + (values.get(rule.point, 0.0) if rule.point in ADDED else 0.0)
    return [Sample(name, values) for name, values in found.items()]


def checked_url(url: str) -> str:
    """An address that can be asked.

    Raises:
        InputError: it is none of HTTP.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise InputError("URL", found=repr(url), allowed="http://host:port/path or https", do="correct it")
    return url


def fetch(url: str) -> str:
    """The text at an address.

    Raises:
        ServiceError: it does not answer, or not with text.
    """
    try:
        with urllib.request.urlopen(checked_url(url), timeout=TIMEOUT_S) as answer:  # noqa: S310  # checked
            data: bytes = answer.read(ANSWER_MAX_BYTES)
    except (OSError, urllib.error.HTTPError, ValueError) as error:
        raise ServiceError(f"{url} does not answer: {error}") from error
    return data.decode("utf-8", "replace")


class Endpoint:
    """One endpoint.

    Args:
        url: its address.
        asset: whose the model servers' points are; None: of ``llm-`` and the model's name.

    Raises:
        InputError: the address is none of HTTP.
    """

    def __init__(self, url: str, asset: str | None = None) -> None:
        self._url, self._asset = checked_url(url), asset

    def poll(self, now: datetime) -> list[Sample]:
        """Ask it once.

        Raises:
            ServiceError: it does not answer, or knows nothing of ours.
        """
        del now
        found = samples(fetch(self._url), self._asset)
        if not found:
            raise ServiceError(f"{self._url} has none of the metrics that are known here")
        return found

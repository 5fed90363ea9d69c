"""Telegraf's JSON: ``{"name", "tags", "fields", "timestamp"}``, or many of them under ``metrics``.

A value is named as in line protocol: ``modbus,host=plc1,name=ups power`` with its tags in alphabetical order.
A key of `points` may leave tags out: the one with most tags that all agree is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ingest.codec.base import Rejected, quoted
from ingest.codec.dialect import Heard, Letter, as_number, json_object, leaves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.site import Target

METRICS_MAX: Final = 10_000
"""Most metrics in one message."""
MS_PER_S: Final = 1000.0
SCALES: Final = ((1e11, MS_PER_S), (1e14, 1.0), (1e17, 1e-3), (float("inf"), 1e-6))
"""Below which timestamp it counts which unit [ms]: seconds, milliseconds, microseconds, nanoseconds."""


def read(letter: Letter) -> Heard:
    """Read one message."""
    heard = Heard()
    found = json_object(letter.payload)
    if isinstance(found, Rejected):
        return heard.refuse(found.reason)
    metrics = found["metrics"] if isinstance(found.get("metrics"), list) else [found]
    if len(metrics) > METRICS_MAX:
        return heard.refuse(f"more than {METRICS_MAX} metrics in one message")
    for metric in metrics:
        _metric(letter, metric, heard)
    return heard


def _metric(letter: Letter, metric: Any, heard: Heard) -> None:
    match metric:
        case {"name": str(name), "fields": dict(values)}:
            tags = metric.get("tags") or {}
        case _:
            heard.refuse("no Telegraf metric: name or fields are missing")
            return
    stamp = metric.get("timestamp")
    number = as_number(stamp)
    if not isinstance(tags, dict) or (stamp is not None and number is None):
        heard.refuse(f"no Telegraf metric: tags or timestamp {quoted(stamp)} are none")
        return
    time = letter.arrived if number is None else milliseconds(number)
    labels = {f"{key}={value}" for key, value in tags.items()}
    series = ",".join([name, *sorted(labels)])
    for key, value in leaves(values):
        full = f"{series} {key}"
        target = _target(letter.mapped.points, name, labels, key)
        if target is not None or isinstance(value, int | float):
            heard.value(letter, full, time, value, target=target)


def _target(points: Mapping[str, Target], name: str, labels: set[str], field: str) -> Target | None:
    """The mapping of a value: the one that names most of its tags."""
    found: Target | None = None
    most = -1
    for key, target in points.items():
        series, _, wanted_field = key.rpartition(" ")
        measurement, *wanted = series.split(",")
        fits = wanted_field == field and measurement == name and labels.issuperset(wanted)
        if fits and len(wanted) > most:
            found, most = target, len(wanted)
    return found


def milliseconds(stamp: float) -> float:
    """A timestamp of whatever unit Telegraf was set to, in epoch milliseconds."""
    return stamp * next((factor for below, factor in SCALES if stamp < below), 1.0)

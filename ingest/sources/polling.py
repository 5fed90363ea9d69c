"""What every source that is polled has in common: ask, publish what it says, wait, until told to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from core.errors import InputError, ServiceError
from core.points import point_type
from core.units import to_canonical
from ingest.codec import json_batch
from ingest.mqtt import Publisher, Version
from ingest.topics import asset_topic

if TYPE_CHECKING:
    import threading

    from core.clock import Clock
    from core.site import Site

log = logging.getLogger(__name__)

IN_FLIGHT: Final = 1000
"""Messages that may wait for the broker; beyond, samples are left out, with a warning."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one asset says of itself at one time."""

    asset: str
    values: dict[str, float]
    """By the catalogue's names [canonical unit]; what it does not tell is absent."""
    time: datetime | None = None
    """When it was measured; None: now."""


@dataclass(frozen=True, slots=True)
class Message:
    """Anything else that a source has to say."""

    topic: str
    payload: bytes


Poll = Callable[[datetime], Iterable[Sample | Message]]
"""Asks a source once, given the time; raises ServiceError where it does not answer."""


def canonical(told: Iterable[tuple[str, float | None, str]]) -> dict[str, float]:
    """Values by point from (point, value, unit), without those that are None."""
    return {
        name: to_canonical(float(value), unit, point_type(name).quantity)
        for name, value, unit in told
        if value is not None
    }


def encoded(site: Site, sample: Sample, now: datetime) -> Message:
    """A sample as a message."""
    batch = json_batch.Batch(dict(sample.values), sample.time or now)
    return Message(asset_topic(site.id, sample.asset), json_batch.encode(batch))


def collect(
    poll: Poll,
    interval_s: float,
    broker_url: str,
    site: Site,
    clock: Clock,
    stop: threading.Event,
    on_sample: Callable[[list[Sample | Message]], None] | None = None,
    *,
    version: Version = Version.V5,
) -> int:
    """Ask a source again and again and publish what it says, until `stop` is set.

    Args:
        poll: asks it once.
        interval_s: between two questions [wall s].
        broker_url: where to publish.
        site: whose readings they are.
        clock: the time of samples without one.
        stop: ends it.
        on_sample: told of each round.
        version: the protocol spoken with the broker.

    Returns:
        How many messages were published.

    Raises:
        InputError: the interval is not positive.
        ServiceError: the broker cannot be reached at the start.
    """
    if not interval_s > 0:
        raise InputError("--interval", found=str(interval_s), allowed="seconds above 0", do="correct it")
    count, silent = 0, False
    with Publisher(broker_url, in_flight=IN_FLIGHT, version=version) as publisher:
        while not stop.is_set():
            now = clock.now()
            try:
                found = list(poll(now))
                silent = False
            except ServiceError as error:
                if not silent:
                    log.warning("%s; trying again every %g s", error, interval_s)
                found, silent = [], True
            if not publisher.has_room(len(found)):
                log.warning("the broker does not answer: %d samples are left out", len(found))
                found = []
            for item in found:
                sent = item if isinstance(item, Message) else encoded(site, item, now)
                publisher.publish(sent.topic, sent.payload)
            count += len(found)
            if on_sample:
                on_sample(found)
            stop.wait(interval_s)
        publisher.flush()
    return count

"""MQTT 3.1.1 beside 5, and several workers that share one subscription.

The versions are tried on every broker that is here, the groups on mosquitto alone: rumqttd sends a group's
members nothing more once 100 messages each wait for their acknowledgement, and then stops its publishers.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests_of_ingest import PATIENCE_S, counter, wait_until

from core.clock import SystemClock
from core.errors import InputError
from core.jobs import Context
from core.settings import Settings, load_settings
from ingest import worker
from ingest.mqtt import Publisher, Version
from ingest.subscriber import Subscriber
from joulecast import embedded
from joulecast.embedded_broker import BrokerKind, find_mosquitto, have_rumqttd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core import db
    from core.site import Site

MESSAGES = 400


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> Version:
    return Version(request.param)


def run_broker(kind: BrokerKind, folder: Path) -> Iterator[embedded.Broker]:
    if kind is BrokerKind.MOSQUITTO and not find_mosquitto():
        pytest.skip("no mosquitto from 2.0.21 on this machine")
    if kind is BrokerKind.RUMQTTD and not have_rumqttd():
        pytest.skip("the wheel iotcore is not installed")
    with embedded.Broker(folder, kind) as broker:
        yield broker


@pytest.fixture(scope="module", params=list(BrokerKind))
def any_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[embedded.Broker]:
    yield from run_broker(request.param, tmp_path_factory.mktemp("broker"))


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Broker]:
    yield from run_broker(BrokerKind.MOSQUITTO, tmp_path_factory.mktemp("broker"))


def url_for(broker: embedded.Broker, version: Version) -> str:
    return broker.url if version is Version.V5 else broker.url_v3


@contextmanager
def subscribed(
    url: str, client_id: str, site: str, version: Version, group: str | None
) -> Iterator[Subscriber]:
    """A subscriber that nobody empties."""
    filters = [f"joulecast/{site}/+"]
    subscriber = Subscriber(url, client_id, filters, SystemClock(), 1000, version=version, group=group)
    stop, finished = threading.Event(), threading.Event()
    thread = threading.Thread(target=subscriber.run, args=(stop, finished))
    thread.start()
    try:
        wait_until(lambda: subscriber.connected)
        yield subscriber
    finally:
        stop.set()
        finished.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def publish(url: str, site: str, numbers: range, version: Version) -> None:
    with Publisher(url, version=version) as publisher:
        for number in numbers:
            publisher.publish(f"joulecast/{site}/ups", str(number).encode())
        publisher.flush()


def taken(subscriber: Subscriber) -> list[int]:
    """What waits there, acknowledged."""
    found = []
    while (delivery := subscriber.take(0.5)) is not None:
        subscriber.acknowledge([delivery])
        found.append(int(delivery.message.payload))
    return found


def test_what_was_not_acknowledged_comes_again(
    any_broker: embedded.Broker, plant: Site, version: Version
) -> None:
    url, who = url_for(any_broker, version), f"again-{plant.id}"
    with subscribed(url, who, plant.id, version, None) as subscriber:
        publish(url, plant.id, range(20), version)
        wait_until(lambda: subscriber.held == 20)
        first = [subscriber.take(PATIENCE_S) for _ in range(5)]
        subscriber.acknowledge([delivery for delivery in first if delivery])
    publish(url, plant.id, range(20, 30), version)
    with subscribed(url, who, plant.id, version, None) as subscriber:
        wait_until(lambda: subscriber.held == 25)
        assert taken(subscriber) == list(range(5, 30))


def test_a_group_shares_and_the_share_of_one_that_is_away_waits_for_it(
    mosquitto: embedded.Broker, plant: Site, version: Version
) -> None:
    url, group = mosquitto.url, f"group-{plant.id}"
    one, two = f"one-{plant.id}", f"two-{plant.id}"
    with subscribed(url, two, plant.id, version, group) as second:
        with subscribed(url, one, plant.id, version, group) as first:
            publish(url, plant.id, range(MESSAGES), version)
            wait_until(lambda: first.held + second.held == MESSAGES)
            shares = [taken(first), taken(second)]
            publish(url, plant.id, range(MESSAGES, MESSAGES + 20), version)
            wait_until(lambda: first.held + second.held == 20)
        # it ends with messages that it has not acknowledged, and more may be dealt to it while it is away
        publish(url, plant.id, range(MESSAGES + 20, 2 * MESSAGES), version)
        with subscribed(url, one, plant.id, version, group) as first:
            shares += [taken(second), taken(first), taken(second)]
    assert min(len(share) for share in shares[:2]) > MESSAGES // 4
    assert sorted({number for share in shares for number in share}) == list(range(2 * MESSAGES))


def test_two_workers_of_a_group_store_everything_once(
    dsn: str, conn: db.Connection, plant: Site, mosquitto: embedded.Broker, version: Version
) -> None:
    url = mosquitto.url
    members = [f"{name}-{plant.id}" for name in ("one", "two")]
    stop, threads = threading.Event(), []
    for member in members:
        settings = Settings(
            dsn=dsn,
            broker=url,
            ingest_client_id=member,
            shared_group=f"workers-{plant.id}",
            mqtt_version=version.value,
        )
        context = Context(settings, plant, SystemClock(), dsn)
        threads.append(threading.Thread(target=worker.run, args=(context, stop)))
        threads[-1].start()

    def stored() -> list[int]:
        return [counter(conn, member)["stored"] for member in members]

    try:
        # a subscription has no number of its own to wait for: publish until each has had something
        with Publisher(url, version=version) as publisher:
            sent = 0
            while min(stored()) < MESSAGES // 10:
                assert sent < 100 * MESSAGES, "one of them gets nothing"
                for _ in range(50):
                    time = f"2026-03-01T{sent // 3600:02}:{sent // 60 % 60:02}:{sent % 60:02}Z"
                    payload = f'{{"time": "{time}", "value": {sent}}}'
                    publisher.publish(f"joulecast/{plant.id}/ups/power", payload.encode())
                    sent += 1
                publisher.flush()
        first = conn.execute("SELECT min(value) AS value FROM reading").fetchone()
        assert first
        wait_until(lambda: sum(stored()) == sent - int(first["value"]))
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    row = conn.execute("SELECT count(*) AS n, count(DISTINCT value) AS distinct FROM reading").fetchone()
    assert row == {"n": sum(stored()), "distinct": sum(stored())}


def test_members_of_a_group_need_ids_of_their_own(dsn: str, plant: Site) -> None:
    settings = Settings(dsn=dsn, broker="mqtt://127.0.0.1:1", shared_group="readings")
    with pytest.raises(InputError, match="id of its own"):
        worker.run(Context(settings, plant, SystemClock(), dsn), threading.Event())


@pytest.mark.parametrize("wrong", ["", "a/b", "#", "+", "two words"])
def test_a_group_is_named_by_one_word(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("JOULECAST_SHARED_GROUP", wrong)
    with pytest.raises(InputError, match="shared_group"):
        load_settings()


def test_other_versions_are_not_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOULECAST_MQTT_VERSION", "3.1")
    with pytest.raises(InputError, match=r"'5' or '3.1.1'"):
        load_settings()

"""Connecting a sensor without a browser: a real broker, a real database, a `site.toml` of one's own."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from looking import acting, seen
from plotly.utils import PlotlyJSONEncoder

from core import audit, db
from core.site import load_site
from ingest.mqtt import Publisher
from joulecast.verbs.common import DEMO_SITE
from ui import connecting, listening, rereading
from ui.connecting import Form
from ui.data.source import Source, open_source
from ui.pages import connect as page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.jobs import Context

TASMOTA = b'{"Time": "2026-03-02T12:00:00", "ENERGY": {"Power": 412, "Factor": 0.97}}'


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def until(ask: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    found = tmp_path / "site.toml"
    found.write_bytes(DEMO_SITE.read_bytes())
    return found


@pytest.fixture
def own(context: Context, site_file: Path, broker_url: str) -> Iterator[Source]:
    """A source with a broker and a description that may be written."""
    settings = context.settings.model_copy(update={"broker": broker_url, "site_file": site_file})
    found = open_source(replace(context, settings=settings))
    yield found
    listening.state(found).ends = 0.0
    if thread := listening.state(found).thread:
        thread.join(10)
    found.close()


def form(source: Source, **given: str) -> tuple[Any, ...]:
    return page.shown(source, Form(**given))


def test_a_topic_is_heard_mapped_and_its_refused_messages_read_again(own: Source, site_file: Path) -> None:
    with acting("Ann", "engineer"):
        assert page.acted(own, "connect-listen", Form()) == ""
        with Publisher(str(own.context.settings.broker)) as publisher:

            def comes() -> bool:
                publisher.publish("plant/ups/load", b'{"value": 512.4, "time": "2026-03-02T11:59:00Z"}')
                publisher.flush()
                return "plant/ups/load" in {one.topic for one in listening.state(own).heard()}

            until(comes)
        heard = {one.topic: one for one in listening.state(own).heard()}
        assert heard["plant/ups/load"].payload.startswith(b'{"value": 512.4')
        assert listening.state(own).left_s > 0
        given = {"topic": "plant/ups/load", "codec": "json", "asset": "ups", "point": "power"}
        names, units, said, lines, dead, _ = form(own, **given, unit="kW")
        assert (names, dead) == ([], False)
        assert "kW" in units
        assert "degC" not in units
        assert "Active power drawn of ups: 512.40 kW (stored as 512400 W)" in text(said)
        assert lines.startswith('[[topics]]\ntopic = "plant/ups/load"')
        with db.connect(own.context.dsn) as conn:
            conn.execute(
                "INSERT INTO reading_rejected VALUES ('\\x03', 'plant/ups/load', %s,"
                " 'topic ... is not mapped in site.toml', '2026-03-02T11:59Z', '2026-03-02T11:59Z', 1)",
                (b'{"value": 512.4, "time": "2026-03-02T11:59:00Z"}',),
            )
        told = page.acted(own, "connect-write", Form(**given, unit="kW"))
        assert "plant/ups/load is ups/power" in told
        assert load_site(site_file).topics[-1].topic == "plant/ups/load"
        assert own.context.site.topics[-1].unit == "kW"
        assert "mapped already" in page.acted(own, "connect-write", Form(**given, unit="kW"))
        page.acted(own, "connect-reread", Form(**given))
        thread = rereading.state(own).thread
        assert thread
        thread.join(20)
        assert "1 taken" in rereading.said(own)
    with db.connect(own.context.dsn) as conn:
        row = conn.execute("SELECT asset_id, name, value FROM reading_named").fetchone()
        done = [(entry.actor, entry.what, entry.object) for entry in audit.listed(conn, audit.Filter(), 5)]
    assert row == {"asset_id": "ups", "name": "power", "value": 512400.0}
    assert done == [
        ("Ann", "messages.replay", "refused messages of plant/ups/load"),
        ("Ann", "mapping.write", "point ups/power:kW"),
    ]


def hear(source: Source, topic: str, payload: bytes) -> None:
    listening.state(source).take(topic, payload)


def test_a_name_within_a_message_goes_into_the_points_of_its_topic(own: Source, site_file: Path) -> None:
    hear(own, "tele/plug7/SENSOR", TASMOTA)
    assert connecting.guess("tele/plug7/SENSOR", TASMOTA) == "tasmota"
    given = {"topic": "tele/plug7/SENSOR", "codec": "tasmota", "asset": "ups", "point": "power"}
    with acting("Ann", "engineer"):
        names, _, _, lines, dead, why = form(own, **given)
        assert names == ["ENERGY.Power", "ENERGY.Factor"]
        assert (lines, dead) == ("", True)
        assert "which value it is" in why
        *_, said, lines, dead, _ = form(own, **given, name="ENERGY.Power")
        assert "0.41200 kW (stored as 412 W)" in text(said)
        assert 'points = { "ENERGY.Power" = "ups/power" }' in lines
        assert connecting.write(own, Form(**given, name="ENERGY.Power"))[0]
        other = given | {"point": "utilisation", "asset": "pdu"}
        assert connecting.write(own, Form(**other, name="ENERGY.Factor"))[0]
    (mapping,) = load_site(site_file).topics
    assert {name: str(t.point) for name, t in mapping.points.items()} == {
        "ENERGY.Power": "ups/power",
        "ENERGY.Factor": "pdu/utilisation",
    }


def test_what_would_not_be_a_reading_is_said_before_it_is_written(own: Source) -> None:
    hear(own, "a/b", b"22.5")
    hear(own, "a/c", b"on fire")
    given = {"codec": "bare", "asset": "rack-1", "point": "inlet_temperature"}
    with acting("Ann", "engineer"):
        assert "stored as 22.5 degC" in text(form(own, topic="a/b", **given)[2])
        assert "stored as -5.27" in text(form(own, topic="a/b", **given, unit="degF")[2])
        assert "is the unit right?" in text(form(own, topic="a/b", **given, unit="degF")[2])
        assert "would be refused" in text(form(own, topic="a/c", **given)[2])
        assert "No message of it was heard yet" in text(form(own, topic="a/d", **given)[2])
        for wrong, said in (
            ({"unit": "kW"}, "allowed is degC"),
            ({"asset": "moon"}, "[[assets]]"),
            ({"point": "colour"}, "catalogue"),
            ({"codec": "morse"}, "found 'morse'"),
            ({"topic": "a/+/b"}, "wildcards"),
        ):
            fields = {"topic": "a/b", **given, **wrong}
            *_, part, lines, dead, _ = form(own, **fields)
            assert said in text(part)
            assert (lines, dead) == ("", True)
            assert not connecting.write(own, Form(**fields))[0]


def test_who_may_not_neither_listens_nor_writes(own: Source, site_file: Path) -> None:
    before = site_file.read_bytes()
    hear(own, "a/b", b"<b>22.5</b>")
    given = Form("a/b", "bare", "", "rack-1", "inlet_temperature", "")
    for name, role in (("Olga", "operator"), ("Root", "admin"), ("", "guest")):
        with acting(name, role):
            assert "engineer" in listening.start(own)
            assert not connecting.write(own, given)[0]
            assert page.shown(own, given)[4]
            assert "22.5" not in text(page.heard_table(own))
    assert site_file.read_bytes() == before
    assert not listening.state(own).begun


def test_payloads_are_text_and_bounded(own: Source) -> None:
    found = listening.state(own)
    with acting("Ann", "engineer"):
        hear(own, "evil", b"<script>alert(1)</script>\x00\xff" + b"x" * 100_000)
        shown = page.heard_table(own)
        assert "<script>" in text(shown)  # as the child of an element, which is text
        assert len(found.heard()[0].payload) == listening.PAYLOAD_KEPT
        assert all(len(page.as_text(one.payload)) <= page.SHOWN_CHARS for one in found.heard())
        assert page.as_text(b"\x00\xffa\n") == "·\\xffa·"
    for number in range(listening.TOPICS_MAX + 50):
        hear(own, f"flood/{number}", b"1")
    assert len(found.topics) == listening.TOPICS_MAX
    assert found.left_out == 51
    with acting("Ann", "engineer"):
        found.begun = True
        assert "51 on more topics" in page.listening_said(own)


def test_listening_ends_by_itself_and_says_what_is_wrong(own: Source) -> None:
    with acting("Ann", "engineer"):
        assert listening.start(own, 0.3) == ""
        assert listening.start(own, 0.3) == ""
        until(lambda: not listening.state(own).busy)
        assert "It is over" in page.listening_said(own)
        settings = own.context.settings.model_copy(update={"broker": "mqtt://127.0.0.1:1"})
        own.context = replace(own.context, settings=settings)
        listening.start(own, 0.3)
        until(lambda: not listening.state(own).busy)
        assert "cannot be reached" in page.listening_said(own)
        own.context = replace(own.context, settings=settings.model_copy(update={"broker": None}))
        assert "No broker" in listening.start(own)


def test_the_page_lists_what_nobody_has_mapped(source: Source) -> None:
    shown = text(seen(source, page.PAGE)["connect-unmapped", "children"])
    assert "/connect?topic=tele%2Fups%2FSENSOR&name=ENERGY.Factor&codec=tasmota" in shown
    assert "joulecast/demo/rack-9/colour" in shown
    given = {"topic": "tele/ups/SENSOR", "codec": "tasmota", "name": "ENERGY.Factor", "asset": "ups"}
    assert "97.000 %" in text(form(source, **given, point="utilisation")[2])
    assert "0.97000 %" in text(form(source, **given, point="utilisation", unit="%")[2])


def test_an_empty_database_is_explained(empty_source: Source) -> None:
    shown = seen(empty_source, page.PAGE)
    assert "is mapped" in text(shown["connect-unmapped", "children"])
    assert shown["connect-listen", "disabled"]

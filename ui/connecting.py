"""From a message to a mapping: what it would mean, which line says so, and that line into `site.toml`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from core.errors import InputError, JoulecastError
from core.points import BAD_FROM, CATALOGUE, PointRef
from core.site import SINGLE_CODECS, TopicMapping
from core.site_edit import NewMapping, write_mapping
from core.units import UNITS, to_canonical
from ui import actions
from ui import format as fmt
from ui.access import auth

if TYPE_CHECKING:
    from datetime import datetime

    from core.site import Site
    from ui.data import Source

PERMISSION: Final = "mapping.write"
CODECS: Final = {
    "bare": "a bare number",
    "json": "JSON with value, time, unit",
    "sparkplug": "Sparkplug B",
    "dsx": "DSX (building management)",
    "tasmota": "Tasmota",
    "zigbee2mqtt": "Zigbee2MQTT",
    "telegraf": "Telegraf",
    "homeassistant": "Home Assistant discovery",
}
"""The dialects, and what people call them."""
_BY_TOPIC: Final = {
    "tele/": "tasmota",
    "zigbee2mqtt/": "zigbee2mqtt",
    "telegraf/": "telegraf",
    "homeassistant/": "homeassistant",
    "spBv1.0/": "sparkplug",
    "BMS/": "dsx",
}
"""What a topic that begins so most probably speaks."""


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the form; empty where nothing does."""

    topic: str = ""
    codec: str = ""
    name: str = ""
    asset: str = ""
    point: str = ""
    unit: str = ""

    @classmethod
    def of(cls, *given: Any) -> Form:
        """From what a browser sends."""
        return cls(*(text.strip() if isinstance(text, str) else "" for text in given))


def guess(topic: str, payload: bytes) -> str:
    """Which dialect a message most probably is."""
    for prefix, codec in _BY_TOPIC.items():
        if topic.startswith(prefix):
            return codec
    return "json" if payload.lstrip()[:1] == b"{" else "bare"


def wanted(site: Site, form: Form) -> NewMapping:
    """The mapping that a form asks for; a topic of a dialect that is mapped already goes by its filter.

    Raises:
        InputError: something is missing or cannot be.
    """
    for part, text in (
        ("topic", form.topic),
        ("dialect", form.codec),
        ("asset", form.asset),
        ("point", form.point),
    ):
        if not text:
            raise InputError(part, found="nothing", allowed=f"one {part}", do="choose it")
    if form.codec not in CODECS:
        raise InputError("dialect", found=repr(form.codec), allowed=", ".join(CODECS), do="choose one")
    if form.asset not in {asset.id for asset in site.assets}:
        raise InputError(
            "asset",
            found=repr(form.asset),
            allowed="one of those under [[assets]]",
            do="choose one, or add it to site.toml first",
        )
    ref = PointRef.parse(f"{form.asset}/{form.point}")
    if form.unit:
        to_canonical(0.0, form.unit, CATALOGUE[ref.point].quantity)
    if form.codec in SINGLE_CODECS:
        return NewMapping(form.topic, form.codec, ref, form.unit or None)
    if not form.name:
        raise InputError(
            "name", found="nothing", allowed="a name in the message", do="choose which value it is"
        )
    return NewMapping(filter_of(site, form), form.codec, ref, form.unit or None, form.name)


def filter_of(site: Site, form: Form) -> str:
    """The filter under which a dialect's topic is mapped already; else the topic itself."""
    from ingest.codec.dialect import captured  # noqa: PLC0415  # the codecs load when they are needed

    for mapping in site.topics:
        if not mapping.single and (
            mapping.topic == form.topic or captured(mapping.topic, form.topic) is not None
        ):
            return mapping.topic
    return form.topic


def names(site: Site, form: Form, payload: bytes, now: datetime) -> list[str]:
    """What a dialect calls the values of a message; nothing for those that carry one."""
    if not payload or form.codec not in CODECS or form.codec in SINGLE_CODECS:
        return []
    entry = _entry(topic=filter_of(site, form), codec=form.codec)
    return (
        []
        if entry is None
        else [one.name for one in _decoded(site, entry, form.topic, payload, now).unmapped]
    )


def preview(site: Site, form: Form, payload: bytes, now: datetime) -> tuple[bool, str]:
    """Whether a message would be a reading under the mapping, and what of or why not.

    Raises:
        InputError: the form cannot be.
    """
    new = wanted(site, form)
    entry = _entry(
        topic=new.topic,
        codec=new.codec,
        **({"point": new.point, "unit": new.unit} if new.single else {"points": {new.name: new.target}}),
    )
    if entry is None:
        raise InputError(
            "topic",
            found=repr(form.topic),
            allowed="a topic; with wildcards only for messages of many values",
            do="write it as the broker has it",
        )
    if not payload:
        return True, "No message of it was heard yet: what it would be shows when one comes."
    batch = _decoded(site, entry, form.topic, payload, now)
    for reading in batch.readings:
        if (reading.asset, reading.point) == (new.point.asset, new.point.point):
            return True, _said(new.point, reading.value, reading.status)
    reasons = [refusal.reason for refusal in batch.refusals]
    return False, f"The newest message would be refused: {reasons[0]}." if reasons else (
        "The newest message holds no such value."
    )


def example(form: Form, text: str) -> str:
    """What one value would be, where the message is not at hand but an example of the value is."""
    kind = CATALOGUE.get(form.point)
    try:
        value = float(text)
    except ValueError:
        return ""
    if kind is None or (form.unit and UNITS[form.unit].quantity is not kind.quantity):
        return ""
    canonical = to_canonical(value, form.unit, kind.quantity) if form.unit else value
    bad = BAD_FROM if not kind.low <= canonical <= kind.high else 0
    return _said(PointRef(form.asset, form.point), canonical, bad)


def write(source: Source, form: Form) -> tuple[bool, str]:
    """Write the mapping into `site.toml`, if the one who asks may; whether it was done, and what to tell."""
    if not auth.user().may(PERMISSION):
        return False, f"Not written: {auth.denied(PERMISSION)}"
    path = source.context.settings.site_file
    try:
        new = wanted(source.context.site, form)
        site = write_mapping(path, new)
    except JoulecastError as error:
        return False, f"Not written: {error}"
    source.context = replace(source.context, site=site)
    source.forget("quality points")
    named = f"{new.name} of {new.topic}" if new.name else new.topic
    done = actions.Said(
        ok=True,
        message=f"Written into {path.name}: {named} is {new.point}. Ingest takes it up within a few seconds; "
        "what was refused before can be read again now.",
    )
    return True, actions.recorded(source, "mapping.write", f"point {new.target}", done).message


def _entry(**given: Any) -> TopicMapping | None:
    try:
        return TopicMapping.model_validate(given)
    except ValidationError:
        return None


def _decoded(site: Site, entry: TopicMapping, topic: str, payload: bytes, now: datetime) -> Any:
    """What ingest would make of a message if this were the only mapping."""
    from ingest.batch import Assembler, Batch, Message  # noqa: PLC0415  # as above

    batch = Batch()
    alone = site.model_copy(update={"topics": (entry,)})
    Assembler(alone, lambda: now).add(batch, Message(topic, payload, now))
    return batch


def _said(ref: PointRef, value: float, status: int) -> str:
    kind = CATALOGUE[ref.point]
    text = f"{kind.label} of {ref.asset}: {fmt.quantity(value, kind.unit, 5)}"
    canonical = f"stored as {value:.6g} {kind.unit}"
    wrong = (
        f"; outside of the catalogue's range, {kind.low:g} to {kind.high:g} {kind.unit}: is the unit right?"
        if status >= BAD_FROM
        else ""
    )
    return f"{text} ({canonical}{wrong})"

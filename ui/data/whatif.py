"""What may be asked of the twin at this site, the answers, and the scenarios that were kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.actions import Setpoint
from core.errors import NotReadyError
from ui import address
from ui import format as fmt
from ui.data.live import snapshot, total

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.site import Site
    from twin.whatif import Answer, Asked, Present
    from ui.data.source import Source

_KEEP_WALL_S: Final = 4.0
"""The present is read again after so long [s]."""
SCENARIOS_MAX: Final = 100
NAME_MAX: Final = 60
HOURS_PER_DAY: Final = 24
SHIFT_MAX_RATIO: Final = 0.5
"""So much of the IT design power may be moved [1]."""
OUTDOOR_C: Final = (-25.0, 50.0)
BESIDE_C: Final = {"return_air_c": (20.0, 45.0), "liquid_supply_c": (15.0, 50.0)}
"""Setpoints beside those that advice knows, and how far they may be asked for [degC]."""
ON, OFF = "on", "off"


@dataclass(frozen=True, slots=True)
class Slider:
    """Something that may be different."""

    key: str
    """Its name in the address."""
    name: str
    low: float
    """Least that may be asked for [unit]; of a setpoint, what the site allows."""
    high: float
    unit: str
    """Canonical (``degC``), or ``kW``."""
    step: float
    """[unit as shown]"""
    envelope: str = ""
    """What the calibration calls it."""
    limits: str = ""
    """Whose limits the ends are."""

    def now(self, present: Present) -> float:
        """What it is now [unit]."""
        now = present.now
        simple = {"it_kw": now.it_kw, "dry_bulb": now.dry_bulb_c, "wet_bulb": now.wet_bulb_c, "shift_kw": 0.0}
        if self.key in simple:
            return simple[self.key]
        if self.key in BESIDE_C:
            return float(getattr(present.parameters, self.key))
        return present.now.held[Setpoint(self.key)]

    def shown(self, value: float) -> float:
        """A value as its slider has it: in the reader's unit, to a tenth."""
        shown = fmt.display_value(value, "degC") if self.unit == "degC" else value
        return round(shown or 0.0, 1 if self.unit == "degC" else 0)

    def thumb(self, value: float) -> float:
        """Where the slider stands for a value."""
        return min(max(self.shown(value), self.shown(self.low)), self.shown(self.high))

    def canonical(self, shown: float) -> float:
        """The inverse of `shown`, within the limits."""
        value = fmt.celsius(shown) if self.unit == "degC" else shown
        return min(max(value, self.low), self.high)

    def text(self, value: float) -> str:
        """A value as people read it."""
        return fmt.temperature(value) if self.unit == "degC" else f"{fmt.fixed(value, 0)} {self.unit}"


def sliders(site: Site) -> tuple[Slider, ...]:
    """What may be different at a site: every setpoint of it, what else its twin has, load and weather."""
    plant = site.plant
    kind = {"return_air_c": plant.crah_control == "return_air", "liquid_supply_c": plant.liquid is not None}
    names = {"return_air_c": "Return air that the CRAH fans hold", "liquid_supply_c": "Liquid loop supply"}
    return (
        *[
            Slider(
                name.value,
                fmt.sentence(fmt.words(name.value)),
                bounds.low_c,
                bounds.high_c,
                "degC",
                0.1,
                f"{name.value}_c",
                "the site's limits",
            )
            for name, bounds in site.setpoints.items()
        ],
        *[Slider(key, names[key], *BESIDE_C[key], "degC", 0.1) for key, there in kind.items() if there],
        Slider("it_kw", "IT load", 0.0, plant.it_design_kw, "kW", 1.0, "it_reference_kw", "up to its design"),
        Slider("dry_bulb", "Dry bulb outside", *OUTDOOR_C, "degC", 0.1, "dry_bulb_c"),
        Slider("wet_bulb", "Wet bulb outside", *OUTDOOR_C, "degC", 0.1, "wet_bulb_c"),
        Slider("shift_kw", "Load to move", 0.0, SHIFT_MAX_RATIO * plant.it_design_kw, "kW", 5.0),
    )


KEYS: Final = (
    {name.value for name in Setpoint}
    | set(BESIDE_C)
    | {"it_kw", "dry_bulb", "wet_bulb", "shift_kw", "shift_from", "shift_to", "economizer", "compare"}
)
"""What the address of the page says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A scenario: what differs, and what was wrong with how it was asked for."""

    values: Mapping[str, float]
    """By the sliders' keys, of those that differ from now [their units]."""
    economizer: str = ""
    """`ON`, `OFF`, or empty: as the weather has it."""
    hours: tuple[int, int] | None = None
    """Out of which hour of the site's day load is moved, and into which."""
    said: tuple[str, ...] = ()

    @property
    def address(self) -> dict[str, str]:
        """As it stands in the address; what does not differ is taken out of it."""
        found = dict.fromkeys(KEYS - {"compare"}, "")
        found |= {key: address.written(value) or "" for key, value in self.values.items()}
        found["economizer"] = self.economizer
        if self.hours:
            found |= {"shift_from": str(self.hours[0]), "shift_to": str(self.hours[1])}
        return found


def read(site: Site, given: Mapping[str, str]) -> Wanted:
    """A scenario from the address; numbers are clamped, and what cannot be read is said."""
    said: list[str] = []
    values = {
        slider.key: address.number(given, slider.key, slider.low, slider.high, slider.unit, said, slider.name)
        for slider in sliders(site)
    }
    economizer = given.get("economizer", "")
    if economizer not in {"", ON, OFF}:
        said.append(
            f"The economizer is {ON} or {OFF}, not {address.quoted(economizer)}; the weather decides."
        )
        economizer = ""
    hours = [
        address.number(given, key, 0, HOURS_PER_DAY - 1, "h", said, words)
        for key, words in (
            ("shift_from", "the hour that load leaves"),
            ("shift_to", "the hour that it goes to"),
        )
    ]
    found = {key: value for key, value in values.items() if value is not None}
    return of(found, economizer, hours[0], hours[1], said)


def of(
    values: Mapping[str, float], economizer: str, leaves: Any, goes_to: Any, said: list[str] | None = None
) -> Wanted:
    """A scenario from what stands in the page's fields."""
    told, asked_for = list(said or []), dict(values)
    hours = None
    whole = [int(h) for h in (leaves, goes_to) if isinstance(h, int | float) and h == int(h)]
    if asked_for.get("shift_kw"):
        if (
            len(whole) == len((leaves, goes_to))
            and whole[0] != whole[1]
            and {*whole} <= {*range(HOURS_PER_DAY)}
        ):
            hours = (whole[0], whole[1])
        else:
            told.append(
                "To move load, give two different hours from 0 to 23: which it leaves, where it goes."
            )
            asked_for.pop("shift_kw")
    if "wet_bulb" in asked_for and "dry_bulb" in asked_for and asked_for["wet_bulb"] > asked_for["dry_bulb"]:
        asked_for["wet_bulb"] = asked_for["dry_bulb"]
        told.append("A wet bulb is never above the dry bulb: the dry bulb is taken for both.")
    return Wanted(asked_for, economizer, hours, tuple(told))


def asked(wanted: Wanted) -> Asked:
    """The same as the twin takes it."""
    from twin.whatif import Asked  # noqa: PLC0415  # the twin's libraries load when they are needed

    values = wanted.values
    shift: tuple[float, ...] = ()
    if wanted.hours and values.get("shift_kw"):
        leaves, goes_to = wanted.hours
        shift = tuple(
            values["shift_kw"] * ((hour == goes_to) - (hour == leaves)) for hour in range(HOURS_PER_DAY)
        )
    return Asked(
        setpoints_c={name: values[name.value] for name in Setpoint if name.value in values},
        beside_c={name: values[name] for name in BESIDE_C if name in values},
        it_kw=values.get("it_kw"),
        dry_bulb_c=values.get("dry_bulb"),
        wet_bulb_c=values.get("wet_bulb"),
        economizing={ON: True, OFF: False}.get(wanted.economizer),
        load_shift_kw=shift,
    )


def present(source: Source) -> Present:
    """The plant as it is now, a few seconds old at most.

    Raises:
        NotReadyError: the twin is not calibrated, or a reading that it needs is missing or dead.
        ServiceError: the database does not answer.
    """
    from twin import whatif  # noqa: PLC0415  # as above

    def gather() -> Present:
        with source.connection() as conn:
            return whatif.gather(conn, source.context.site, source.context.clock)

    found: Present = source.kept("whatif present", _KEEP_WALL_S, gather)
    measured_at(source)
    return found


def measured_at(source: Source) -> datetime:
    """Time of the oldest of the readings that the present is made of.

    Raises:
        NotReadyError: one of them is dead, or every rack inlet is.
        ServiceError: the database does not answer.
    """
    site, now = source.context.site, snapshot(source)
    by_ref = {point.ref: point for point in now.points}
    weather = (site.sensors.dry_bulb, site.sensors.wet_bulb)
    setpoints = [bounds.point for bounds in site.setpoints.values()]
    shown = [total(by_ref, (ref,)) for ref in (*site.meters.facility, *site.meters.it, *weather, *setpoints)]
    dead = next((one.reason for one in shown if not one.alive), "")
    if dead or now.worst is None:
        raise NotReadyError(f"the plant is not seen now: {dead or 'no rack inlet is fresh'}")
    return min(one.time for one in (*shown, now.worst.inlet) if one.time is not None)


def answer(now: Present, wanted: Wanted) -> Answer:
    """What the twin says of a scenario."""
    from twin import whatif  # noqa: PLC0415  # as above

    return whatif.answer(now, asked(wanted))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that was kept."""

    scenario_id: int
    name: str
    actor: str
    at: datetime
    asked: Mapping[str, str]
    """Parameters of the address."""


def scenarios(source: Source) -> tuple[Scenario, ...]:
    """Those of the site, newest first."""
    rows = source.rows("ui_whatif_list", site=source.context.site.id, count=SCENARIOS_MAX)
    return tuple(Scenario(**row) for row in rows)


def save(source: Source, name: str, actor: str, wanted: Wanted) -> str:
    """Keep a scenario; what to say about it.

    Args:
        source: the database.
        name: what it is to be called.
        actor: who keeps it, signed in.
        wanted: what differs.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        return f"Give it a name of up to {NAME_MAX} letters."
    kept = {key: text for key, text in wanted.address.items() if text}
    if not kept:
        return "Nothing differs from now: there is nothing to keep."
    with db.connect(source.context.dsn) as conn:
        rows = db.rows(
            conn,
            "ui_whatif_save",
            site=source.context.site.id,
            called=name,
            actor=actor,
            at=source.now,
            asked=db.json(kept),
        )
    if not rows:
        return f"There is a scenario called {name} already: choose another name."
    return f"Kept as {name}."

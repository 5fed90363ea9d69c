"""The plant's description, read from `site.toml`: assets, meters, setpoints, limits and design data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.actions import Authority, Setpoint
from core.errors import InputError
from core.limits import (
    HOLD_MIN_S,
    MARGIN_MIN_K,
    RATE_MAX_K_PER_H,
    STEP_MAX_K,
    THERMAL_CLASSES,
    AirEnvelope,
)
from core.plant import Plant
from core.points import PointRef, point_type
from core.tariff import Advice, Objective, Tariff
from core.toml import load_toml
from core.units import Quantity, to_canonical

if TYPE_CHECKING:
    from pathlib import Path

NAME_PATTERN = r"^[a-z0-9][a-z0-9_\-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""Lower case, digits, hyphen and underscore: it becomes part of an MQTT topic."""


def _ref(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return PointRef.parse(value)
    except InputError as error:  # pydantic turns only ValueErrors into a finding with the key's name
        raise ValueError(f"{error.allowed} ({error.do})") from error


Ref = Annotated[PointRef, BeforeValidator(_ref)]
Refs = tuple[Ref, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asset(_Strict):
    """One piece of equipment or one place."""

    id: Name
    brick_class: str = Field(description="Brick class, e.g. Chiller, CRAH, Cooling_Tower, Data_Hall.")
    label: str = Field(default="", description="What a person calls it; the id where empty.")
    parent: Name | None = None
    row: str = Field(default="", description="Racks: the row on the floor plan that it stands in, e.g. A.")
    position: int | None = Field(
        default=None, ge=1, le=999, description="Racks: its place in that row, from 1."
    )
    power_limit_kw: float | None = Field(default=None, gt=0, description="What it may draw [kW].")


class Meters(_Strict):
    """Which points add up to which power. PUE is computed from `facility` and `it` and nothing else."""

    facility: Refs = Field(min_length=1, description="Everything the site draws.")
    it: Refs = Field(min_length=1, description="What the IT equipment draws.")
    category: Literal[1, 2, 3] = Field(description="PUE category: IT at UPS output, PDU output, IT input.")
    chiller: Refs = ()
    crah_fan: Refs = ()
    pump: Refs = ()
    tower_fan: Refs = ()
    evaporative: Refs = Field(default=(), description="Pumps and fans of evaporative stages.")
    ups_input: Refs = Field(default=(), description="UPS input; with `it` it gives the electrical losses.")

    @property
    def cooling(self) -> Refs:
        """Everything that removes heat."""
        return self.chiller + self.crah_fan + self.pump + self.tower_fan + self.evaporative


class Sensors(_Strict):
    """Which points say how warm it is."""

    rack_inlet: Refs = Field(min_length=1, description="IT inlet temperatures; the warmest one counts.")
    supply_air: Ref | None = None
    return_air: Ref | None = None
    return_air_setpoint: Ref | None = Field(default=None, description="Return air that the CRAH fans hold.")
    chilled_water_supply: Ref | None = None
    chilled_water_return: Ref | None = None
    condenser_water_supply: Ref | None = None
    liquid_supply: Ref | None = Field(default=None, description="Supply of the technology cooling loops.")
    liquid_supply_setpoint: Ref | None = Field(default=None, description="What they hold, as reported.")
    cooling_load: Ref | None = Field(default=None, description="Heat meter of the chilled water.")
    dry_bulb: Ref
    wet_bulb: Ref
    chillers_running: Refs = ()
    economizer_load: Ref | None = None


class SetpointRange(_Strict):
    """A setpoint that advice may change, and how far."""

    point: Ref = Field(description="The setpoint in force, as the plant reports it.")
    low_c: float = Field(description="Lowest value the equipment and the operator allow.")
    high_c: float = Field(description="Highest value the equipment and the operator allow.")
    step_max_k: float = Field(default=STEP_MAX_K, gt=0)
    hold_s: float = Field(default=HOLD_MIN_S, ge=0)
    rate_max_k_per_h: float = Field(default=RATE_MAX_K_PER_H, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> SetpointRange:
        if self.low_c >= self.high_c:
            raise ValueError(f"low_c must be below high_c, found {self.low_c} and {self.high_c}")
        return self


class Limits(_Strict):
    """What must hold at the IT inlet."""

    thermal_class: Literal["A1", "A2", "A3", "A4", "H1"] = "A1"
    margin_k: float = Field(
        default=MARGIN_MIN_K, ge=MARGIN_MIN_K, description="Kept to the recommended limit."
    )

    @property
    def envelope(self) -> AirEnvelope:
        """The class's temperatures."""
        return THERMAL_CLASSES[self.thermal_class]


def _unit_fits(ref: PointRef, unit: str | None) -> None:
    """Make sure that a point may be sent in a unit.

    Raises:
        ValueError: it may not.
    """
    if unit is not None:
        try:
            to_canonical(0.0, unit, point_type(ref.point).quantity)
        except InputError as error:
            raise ValueError(f"unit of {ref}: {error.allowed}, found {error.found}") from error


class Target(_Strict):
    """Where one value of a message goes, written ``asset/point`` or ``asset/point:unit``."""

    point: Ref
    unit: str | None = Field(default=None, description="Unit it is sent in; the payload's where absent.")

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        point, colon, unit = value.partition(":")
        return {"point": point, "unit": unit if colon else None}

    @model_validator(mode="after")
    def _fits(self) -> Target:
        _unit_fits(self.point, self.unit)
        return self


SINGLE_CODECS = ("bare", "json")
"""Codecs of topics that carry one point; all others carry many."""


class TopicMapping(_Strict):
    """Readings that come on a topic of somebody else's making."""

    topic: str = Field(min_length=1, description="MQTT topic; with wildcards where a message has `points`.")
    codec: Literal[
        "bare", "json", "sparkplug", "dsx", "tasmota", "zigbee2mqtt", "telegraf", "homeassistant"
    ] = "bare"
    point: Ref | None = Field(default=None, description="The point; codecs bare and json.")
    unit: str | None = Field(default=None, description="Unit it is sent in; the canonical one where absent.")
    points: dict[str, Target] = Field(
        default_factory=dict, description="Which value of a message is which point; all other codecs."
    )
    timezone: str | None = Field(
        default=None, description="Zone of the device's times without an offset; the site's where absent."
    )

    @property
    def single(self) -> bool:
        """Whether its messages carry one point each."""
        return self.codec in SINGLE_CODECS

    @model_validator(mode="after")
    def _possible(self) -> TopicMapping:
        if self.single:
            self._possible_single()
        elif self.point is not None or self.unit is not None:
            raise ValueError(f"a topic of {self.codec} has points, not point and unit")
        levels = self.topic.split("/")
        misplaced = any("#" in x for x in levels[:-1]) or any(
            len(x) > 1 and set(x) & set("+#") for x in levels
        )
        if misplaced:
            raise ValueError("+ stands for one whole level of a topic, # for all the levels at its end")
        if self.timezone is not None:
            _known_zone(self.timezone)
        return self

    def _possible_single(self) -> None:
        if self.point is None or self.points:
            raise ValueError(f"a topic of {self.codec} has one point, not points")
        if set(self.topic) & set("+#"):
            raise ValueError(f"a topic of {self.codec} has no wildcards: write one mapping for each topic")
        _unit_fits(self.point, self.unit)


RESERVED_TARGETS = ("it_power", "cooling_power")
"""Targets that every site's meters define."""


RESERVED_KINDS = ("valid_at", "available_at", "dry_bulb_c", "wet_bulb_c")
"""No schedule may be called so: times and the weather are."""


class Forecasts(_Strict):
    """What is forecast beside the power of the IT and of the cooling."""

    targets: dict[Name, Annotated[Refs, Field(min_length=1)]] = Field(
        default_factory=dict, description="By name, the power points that add up to it: a hall, a GPU group."
    )

    @model_validator(mode="after")
    def _sums_of_power(self) -> Forecasts:
        for name, refs in self.targets.items():
            if name in RESERVED_TARGETS:
                raise ValueError(f"{name} is what [meters] says; choose another name")
            other = [str(ref) for ref in refs if point_type(ref.point).quantity is not Quantity.POWER]
            if other:
                raise ValueError(f"{name} must be a sum of power points, found {', '.join(other)}")
            if len(set(refs)) < len(refs):
                raise ValueError(f"{name} must name each point once")
        return self


def _known_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"unknown time zone {name!r}; write it like Europe/Amsterdam") from error


class SiteHead(_Strict):
    """Names and place."""

    id: Name
    name: str
    timezone: str = "UTC"
    simulated: bool = Field(default=False, description="The plant is a simulation; every page says so.")

    @model_validator(mode="after")
    def _zone(self) -> SiteHead:
        _known_zone(self.timezone)
        return self


class Site(_Strict):
    """A whole `site.toml`."""

    site: SiteHead
    meters: Meters
    sensors: Sensors
    plant: Plant
    limits: Limits = Limits()
    setpoints: dict[Setpoint, SetpointRange] = Field(default_factory=dict)
    assets: tuple[Asset, ...] = ()
    topics: tuple[TopicMapping, ...] = ()
    forecast: Forecasts = Forecasts()
    tariff: Tariff = Tariff()
    advice: Advice = Advice()
    write_back: bool = Field(default=False, description="Whether an accepted recommendation is sent at all.")

    @property
    def id(self) -> str:
        """The site's id, the second level of its topics."""
        return self.site.id

    @property
    def zone(self) -> ZoneInfo:
        """The zone that pages show times in."""
        return ZoneInfo(self.site.timezone)

    @model_validator(mode="after")
    def _consistent(self) -> Site:
        ids = [asset.id for asset in self.assets]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"asset ids must differ, found {', '.join(twice)} twice")
        topics = [mapping.topic for mapping in self.topics]
        mapped_twice = sorted({topic for topic in topics if topics.count(topic) > 1})
        if mapped_twice:
            raise ValueError(f"topics must differ, found {', '.join(mapped_twice)} mapped twice")
        orphans = sorted({a.parent for a in self.assets if a.parent} - set(ids))
        if orphans:
            raise ValueError(f"parent {', '.join(orphans)} is no asset")
        unknown = sorted({ref.asset for ref in self.refs()} - set(ids))
        if unknown:
            raise ValueError(f"asset {', '.join(unknown)} is used but not declared under [[assets]]")
        self._advisable()
        return self

    def _advisable(self) -> None:
        """Make sure that advice may do what is asked of it.

        Raises:
            ValueError: it may not.
        """
        advice = self.advice
        written = advice.authority in {Authority.SUPERVISED, Authority.AUTO_BOUNDED}
        if written and not (self.write_back and self.site.simulated):
            raise ValueError(
                f"[advice] authority = {advice.authority.value!r} is for simulations with write_back = true;"
                " begin with shadow and promote setpoints on the evidence that the pages show"
            )
        if advice.objective is Objective.COST and not (self.tariff.energy_per_kwh or self.tariff.periods):
            raise ValueError("[advice] objective = 'cost' needs a price: [tariff] energy_per_kwh")
        for setpoint, span in advice.auto_envelope.items():
            bounds = self.setpoints.get(setpoint)
            if bounds is None:
                raise ValueError(f"[advice.auto_envelope.{setpoint.value}] is no setpoint of this site")
            if span.low_c < bounds.low_c or span.high_c > bounds.high_c:
                raise ValueError(
                    f"[advice.auto_envelope.{setpoint.value}] must lie within {bounds.low_c} to"
                    f" {bounds.high_c}, found {span.low_c} to {span.high_c}"
                )

    def refs(self) -> tuple[PointRef, ...]:
        """Every point that the description names, each once."""
        found: list[PointRef] = []
        for part in (self.meters, self.sensors, *self.setpoints.values(), *self.topics):
            for value in part.__dict__.values():
                if isinstance(value, PointRef):
                    found.append(value)
                elif isinstance(value, tuple):
                    found += [v for v in value if isinstance(v, PointRef)]
                elif isinstance(value, dict):
                    found += [v.point for v in value.values() if isinstance(v, Target)]
        found += [ref for refs in self.forecast.targets.values() for ref in refs]
        return tuple(dict.fromkeys(found))


def load_site(path: Path) -> Site:
    """Read and check a `site.toml`.

    Raises:
        InputError: the file is missing, is no TOML, or describes no possible plant.
    """
    found = load_toml(
        path,
        Site,
        what="a site.toml",
        do="create it or set JOULECAST_SITE_FILE",
        keys="the keys of the example in the README",
    )
    return _with_records_beside(path, found)


def _with_records_beside(path: Path, site: Site) -> Site:
    """The same with the table of chillers' records found from the file's own folder.

    Raises:
        InputError: it is not there.
    """
    named = site.plant.chiller_records_file
    if named is None:
        return site
    records = path.parent / named
    if not records.is_file():
        raise InputError(
            f"{path}: plant.chiller_records_file",
            found=f"{str(named)!r}, where there is no file",
            allowed="a CSV file, its name as seen from the folder of this one",
            do="correct the name or bring the file",
        )
    return site.model_copy(update={"plant": site.plant.model_copy(update={"chiller_records_file": records})})

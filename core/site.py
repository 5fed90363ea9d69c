"""The plant's description, read from `site.toml`: assets, meters, setpoints, limits and design data."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from core.actions import Setpoint
from core.errors import InputError
from core.limits import HOLD_MIN_S, MARGIN_MIN_K, STEP_MAX_K, THERMAL_CLASSES, AirEnvelope
from core.points import PointRef

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


class Meters(_Strict):
    """Which points add up to which power. PUE is computed from `facility` and `it` and nothing else."""

    facility: Refs = Field(min_length=1, description="Everything the site draws.")
    it: Refs = Field(min_length=1, description="What the IT equipment draws.")
    category: Literal[1, 2, 3] = Field(description="PUE category: IT at UPS output, PDU output, IT input.")
    chiller: Refs = ()
    crah_fan: Refs = ()
    pump: Refs = ()
    tower_fan: Refs = ()
    ups_input: Refs = Field(default=(), description="UPS input; with `it` it gives the electrical losses.")

    @property
    def cooling(self) -> Refs:
        """Everything that removes heat."""
        return self.chiller + self.crah_fan + self.pump + self.tower_fan


class Sensors(_Strict):
    """Which points say how warm it is."""

    rack_inlet: Refs = Field(min_length=1, description="IT inlet temperatures; the warmest one counts.")
    supply_air: Ref | None = None
    return_air: Ref | None = None
    chilled_water_supply: Ref | None = None
    chilled_water_return: Ref | None = None
    condenser_water_supply: Ref | None = None
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


class Plant(_Strict):
    """Design data: what the twin begins with before it has been calibrated."""

    it_design_kw: float = Field(gt=0, description="IT load the hall was built for [kW].")
    ups_rated_kw: float = Field(gt=0, description="Rated power of the UPS modules in service [kW].")
    crah_count: int = Field(ge=1)
    crah_airflow_m3s: float = Field(gt=0, description="Design airflow of one CRAH [m3/s].")
    crah_fan_kw: float = Field(gt=0, description="Design fan power of one CRAH [kW].")
    chiller_count: int = Field(ge=1)
    chiller_capacity_kw: float = Field(gt=0, description="Rated cooling capacity of one chiller [kW].")
    chiller_cop: float = Field(gt=1, lt=15, description="Rated coefficient of performance.")
    tower_fan_kw: float = Field(gt=0, description="Design fan power of the tower [kW].")
    chilled_water_pump_kw: float = Field(gt=0)
    condenser_water_pump_kw: float = Field(gt=0)
    has_waterside_economizer: bool = False
    hall_air_volume_m3: float = Field(default=3000.0, gt=0)
    altitude_m: float = Field(default=0.0, ge=-430, le=5000)


class TopicMapping(_Strict):
    """Readings that come on a topic of somebody else's making."""

    topic: str = Field(min_length=1, description="MQTT topic, without wildcards.")
    codec: Literal["bare", "json"] = "bare"
    point: Ref
    unit: str | None = Field(default=None, description="Unit it is sent in; the canonical one where absent.")


class SiteHead(_Strict):
    """Names and place."""

    id: Name
    name: str
    timezone: str = "UTC"
    simulated: bool = Field(default=False, description="The plant is a simulation; every page says so.")

    @model_validator(mode="after")
    def _known_zone(self) -> SiteHead:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"unknown time zone {self.timezone!r}; write it like Europe/Amsterdam"
            ) from error
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
        orphans = sorted({a.parent for a in self.assets if a.parent} - set(ids))
        if orphans:
            raise ValueError(f"parent {', '.join(orphans)} is no asset")
        unknown = sorted({ref.asset for ref in self.refs()} - set(ids))
        if unknown:
            raise ValueError(f"asset {', '.join(unknown)} is used but not declared under [[assets]]")
        return self

    def refs(self) -> tuple[PointRef, ...]:
        """Every point that the description names, each once."""
        found: list[PointRef] = []
        for part in (self.meters, self.sensors, *self.setpoints.values(), *self.topics):
            for value in part.__dict__.values():
                if isinstance(value, PointRef):
                    found.append(value)
                elif isinstance(value, tuple):
                    found += [v for v in value if isinstance(v, PointRef)]
        return tuple(dict.fromkeys(found))


def load_site(path: Path) -> Site:
    """Read and check a `site.toml`.

    Raises:
        InputError: the file is missing, is no TOML, or describes no possible plant.
    """
    try:
        return Site.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(
            str(path),
            found="no readable file",
            allowed="a site.toml",
            do="create it or set JOULECAST_SITE_FILE",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            str(path), found=f"no TOML ({error})", allowed="TOML", do="correct that line"
        ) from error
    except ValidationError as error:
        raise _sentence(path, error) from error


def _sentence(path: Path, error: ValidationError) -> InputError:
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    key = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
    found, allowed = _short(first["input"]), first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        found, allowed = "an unknown key", "the keys of the example in the README"
    elif first["type"] == "missing":
        found, allowed = "nothing", "a value (the key is required)"
    return InputError(f"{path}: {key}", found=found, allowed=allowed, do="correct it there")


def _short(value: Any, length: int = 60) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool) else f"a {type(value).__name__}"
    return text if len(text) <= length else text[: length - 1] + "…"

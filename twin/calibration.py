"""A calibration: the plant's multipliers, what is known of them, and where it is stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core import db
from core.errors import NotReadyError
from twin.fitting.residual import Residual
from twin.network import Conditions, Parameters, Setpoints
from twin.screening.screen import Finding
from twin.simulate import Twin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.plant import Plant
    from core.site import Site
    from twin.plant.curves import Flags


@dataclass(frozen=True, slots=True)
class Prior:
    """What is thought of a multiplier before data: 1, give or take."""

    sd: float
    """Standard deviation [1]."""
    low: float
    """Least value [1]."""
    high: float
    """Greatest value [1]."""


PRIORS: Final[dict[str, Prior]] = {
    "ups_loss": Prior(0.3, 0.2, 3.0),
    "ups_no_load": Prior(0.3, 0.0, 3.0),
    "crah_fan": Prior(0.25, 0.4, 2.5),
    "server_airflow": Prior(0.2, 0.5, 2.0),
    "coil_ua": Prior(0.25, 0.4, 2.5),
    "recirculation": Prior(0.4, 0.1, 3.0),
    "leakage": Prior(0.3, 0.2, 2.0),
    "pump": Prior(0.25, 0.3, 2.5),
    "chiller_power": Prior(0.2, 0.5, 2.0),
    "tower_fan": Prior(0.25, 0.3, 2.5),
    "tower_approach": Prior(0.2, 0.5, 2.0),
    "rejection_conductance": Prior(0.2, 0.5, 2.0),
    "economizer": Prior(0.1, 0.5, 1.2),
    "other_load": Prior(1.0, 0.0, 8.0),
    "pump_exponent": Prior(0.15, 0.4, 1.2),
    "crah_fan_exponent": Prior(0.1, 0.5, 1.1),
    "envelope": Prior(0.5, 0.0, 4.0),
    "basin_heater": Prior(1.0, 0.0, 8.0),
    "direct_effectiveness": Prior(0.15, 0.4, 1.4),
    "indirect_wet_effectiveness": Prior(0.15, 0.4, 1.35),
    "indirect_dry_effectiveness": Prior(0.15, 0.4, 1.35),
    "indirect_power": Prior(0.25, 0.3, 2.0),
    "indirect_part_power": Prior(0.5, 0.05, 1.6),
    "indirect_wet_from": Prior(0.15, 0.5, 1.5),
    "indirect_wet_bulb_max": Prior(0.1, 0.7, 1.3),
    "air_economizer_dry_bulb_max": Prior(0.15, 0.5, 1.5),
    "air_economizer_dew_point_max": Prior(0.2, 0.5, 1.6),
}
"""By name of `MULTIPLIERS`; the widths are engineering judgement from the ranges in the literature."""

CV_RMSE_MAX_RATIO: Final = 0.15
"""A calibration whose facility power is worse on held-out data than this is refused [1]."""
NMBE_MAX_RATIO: Final = 0.05


@dataclass(frozen=True, slots=True)
class MeterError:
    """How far the twin was off on held-out data."""

    nmbe_ratio: float
    """Mean of measured minus predicted over mean measured [1]."""
    cv_rmse_ratio: float
    """Root mean square error over mean measured [1]."""
    p95_abs: float
    """95th percentile of the absolute error [kW or K]."""
    mean: float
    """Mean measured [kW or degC]."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A plant's multipliers with what is known of them."""

    created_at: datetime
    """When it was made, UTC."""
    period_from: datetime
    """Start of the history."""
    period_to: datetime
    """End of the history."""
    multipliers: dict[str, float]
    """Every multiplier [1]; 1 where not identified."""
    names: tuple[str, ...]
    """Identified multipliers, in the order of `covariance`."""
    covariance: tuple[tuple[float, ...], ...]
    """Their covariance [1]."""
    unidentified: tuple[str, ...]
    """Multipliers that these data say nothing of."""
    errors: dict[str, MeterError]
    """By meter, on held-out data; `facility_kw` and `inlet_c` among them."""
    envelope: dict[str, tuple[float, float]]
    """Least and greatest of every condition and setpoint in the history."""
    steps_used: int
    """Steps fitted or checked."""
    steps_masked: int
    """Steps left out for missing or impossible values."""
    steps_effective: float | None = None
    """Equally weighted steps that say as much as those fitted; None where not kept."""
    held_out_from: datetime | None = None
    """Start of what was not fitted; None where not kept."""
    findings: tuple[Finding, ...] = ()
    """Points and hours that were masked, or missing."""
    residual: Residual | None = None
    """What was learned on top of the physics, where it earns its place."""
    residual_judged: dict[str, float] = field(default_factory=dict)
    """What decided on that: errors on held-out blocks of the fitted part [kW]."""
    residual_obstacle: str = ""
    """Why nothing could be learned where it was made, and what to do; empty where it could."""
    errors_with_residual: dict[str, MeterError] = field(default_factory=dict)
    """As `errors`, with the residual; empty without one."""
    calibration_id: int | None = None
    """Its row, once saved."""

    @property
    def facility_p95_kw(self) -> float:
        """95th percentile of the absolute error of facility power on held-out data [kW]."""
        return self.errors["facility_kw"].p95_abs

    @property
    def inlet_p95_k(self) -> float:
        """95th percentile of the absolute error of the warmest inlet on held-out data [K]."""
        return self.errors["inlet_c"].p95_abs if "inlet_c" in self.errors else float("nan")

    @property
    def errors_in_use(self) -> dict[str, MeterError]:
        """Errors of the twin as it answers about periods: with the residual where it is in use."""
        return (self.errors_with_residual if self.residual_in_use else {}) or self.errors

    @property
    def residual_in_use(self) -> Residual | None:
        """The residual where it can be asked on this machine; `twin.fitting.learn.left_out` says why not."""
        return None if self.residual is None or self.residual.unusable() else self.residual

    def twin(self, plant: Plant) -> Twin:
        """The calibrated plant with what was learned on top, for whole periods."""
        return Twin(self.parameters(plant), self.residual_in_use)

    def parameters(self, plant: Plant) -> Parameters:
        """The calibrated plant, its zones as one: the meters are of all of them."""
        return Parameters.from_design(plant.as_one_zone).with_multipliers(self.multipliers)

    def samples(self, plant: Plant, count: int, rng: np.random.Generator) -> list[Parameters]:
        """Plants that the data allow: what is identified by its covariance, the rest by its prior."""
        design, drawn = Parameters.from_design(plant.as_one_zone), dict(self.multipliers)
        centre = np.array([self.multipliers[name] for name in self.names])
        plants = []
        for _ in range(count):
            known = rng.multivariate_normal(centre, np.array(self.covariance)) if self.names else centre
            drawn.update(zip(self.names, known, strict=True))
            drawn.update({name: rng.normal(1.0, PRIORS[name].sd) for name in self.unidentified})
            clipped = {k: float(np.clip(v, PRIORS[k].low, PRIORS[k].high)) for k, v in drawn.items()}
            plants.append(design.with_multipliers(clipped))
        return plants

    def outside(self, conditions: Conditions, setpoints: Setpoints, margin_ratio: float = 0.0) -> Flags:
        """Whether the twin is asked about something that the history does not contain.

        Args:
            conditions: load and weather.
            setpoints: setpoints; a shape that broadcasts with them.
            margin_ratio: how far beyond, over the width of the envelope [1].
        """
        flags: Flags = np.array(False)  # noqa: FBT003  # an array of one flag
        for beyond in self.beyond(conditions, setpoints, margin_ratio).values():
            flags = flags | beyond
        return flags

    def beyond(
        self, conditions: Conditions, setpoints: Setpoints, margin_ratio: float = 0.0
    ) -> dict[str, Flags]:
        """The same by condition and setpoint."""
        found = {}
        for part in (conditions, setpoints):
            for name in part.__dataclass_fields__:
                if name not in self.envelope:
                    continue
                low, high = self.envelope[name]
                margin, values = margin_ratio * (high - low), np.asarray(getattr(part, name), float)
                found[name] = (values < low - margin) | (values > high + margin)
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values, without `calibration_id`."""
        plain = asdict(self)
        del plain["calibration_id"]
        plain["residual"] = None if self.residual is None else self.residual.to_json()
        plain["findings"] = [finding.to_json() for finding in self.findings]
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in plain.items()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], calibration_id: int | None = None) -> Calibration:
        """The inverse of `to_json`."""
        times = {k: datetime.fromisoformat(plain[k]) for k in ("created_at", "period_from", "period_to")}
        held_out_from = plain.get("held_out_from")
        return cls(
            **times,
            multipliers=dict(plain["multipliers"]),
            names=tuple(plain["names"]),
            covariance=tuple(tuple(row) for row in plain["covariance"]),
            unidentified=tuple(plain["unidentified"]),
            errors={k: MeterError(**v) for k, v in plain["errors"].items()},
            envelope={k: (v[0], v[1]) for k, v in plain["envelope"].items()},
            steps_used=plain["steps_used"],
            steps_masked=plain["steps_masked"],
            steps_effective=plain.get("steps_effective"),
            held_out_from=datetime.fromisoformat(held_out_from) if held_out_from else None,
            findings=tuple(Finding.from_json(v) for v in plain.get("findings", ())),
            residual=Residual.from_json(plain["residual"]) if plain.get("residual") else None,
            residual_judged=dict(plain.get("residual_judged", {})),
            residual_obstacle=plain.get("residual_obstacle", ""),
            errors_with_residual={
                k: MeterError(**v) for k, v in plain.get("errors_with_residual", {}).items()
            },
            calibration_id=calibration_id,
        )


def refusal(calibration: Calibration) -> str | None:
    """Why a calibration must not be used, or None."""
    facility = calibration.errors["facility_kw"]
    if facility.cv_rmse_ratio > CV_RMSE_MAX_RATIO:
        return f"CV(RMSE) of facility power on held-out data is {facility.cv_rmse_ratio:.1%}"
    if abs(facility.nmbe_ratio) > NMBE_MAX_RATIO:
        return f"mean error of facility power on held-out data is {facility.nmbe_ratio:+.1%}"
    return None


def save(conn: db.Connection, site: Site, calibration: Calibration) -> int:
    """Store a calibration; returns its id. The caller commits."""
    plain = calibration.to_json()
    row = db.row(
        conn,
        "twin_calibration_insert",
        site=site.id,
        created_at=calibration.created_at,
        period_from=calibration.period_from,
        period_to=calibration.period_to,
        parameters=db.json({k: plain[k] for k in _PARAMETER_KEYS}),
        unidentified=db.json(plain["unidentified"]),
        errors=db.json(plain["errors"]),
        envelope=db.json(plain["envelope"]),
    )
    if row is None:
        raise RuntimeError("an INSERT with RETURNING returned no row")
    return int(row["calibration_id"])


_PARAMETER_KEYS: Final = (
    "multipliers",
    "names",
    "covariance",
    "steps_used",
    "steps_masked",
    "steps_effective",
    "held_out_from",
    "findings",
    "residual",
    "residual_judged",
    "residual_obstacle",
    "errors_with_residual",
)


def in_use(conn: db.Connection, site: Site) -> Calibration:
    """The newest stored calibration of a site, for those who can do nothing without.

    Raises:
        NotReadyError: there is none.
    """
    found = latest(conn, site)
    if found is None:
        raise NotReadyError(
            "the twin has not been calibrated yet; that needs a day of readings: wait for the twin's service,"
            " or run `joulecast twin calibrate`"
        )
    return found


def latest(conn: db.Connection, site: Site) -> Calibration | None:
    """The newest stored calibration of a site, or None."""
    row = db.row(conn, "twin_calibration_latest", site=site.id)
    return None if row is None else from_row(row)


def from_row(row: db.Row) -> Calibration:
    """A calibration as the database has it."""
    times = {k: row[k].isoformat() for k in ("created_at", "period_from", "period_to")}
    parts = {k: row[k] for k in ("unidentified", "errors", "envelope")}
    return Calibration.from_json({**times, **row["parameters"], **parts}, row["calibration_id"])

"""A plant in a few numbers for the life of recommendations, with gates that are the real ones.

What a step is worth comes from a line in place of the twin, which takes seconds to ask: these tests ask it
hundreds of times. Readings, gates, states, commands and the database are as in the field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from seeded import register

from core.actions import Authority, Change, Setpoint
from core.errors import NotReadyError
from core.jobs import Context
from core.settings import Settings
from core.tariff import Objective
from twin.advise import authority, brief, engine, guard, observe, propose, record
from twin.advise.assess import Assessment
from twin.advise.evidence import Benefit, Evidence, ModelQuality, Prediction
from twin.advise.search import Candidate

if TYPE_CHECKING:
    import pytest

    from core import db
    from core.clock import ManualClock
    from core.site import Site
    from twin.advise.evidence import Record
    from twin.advise.observe import Observation

AIR: Final = Setpoint.SUPPLY_AIR_TEMPERATURE
OWN: Final = {
    Setpoint.SUPPLY_AIR_TEMPERATURE: 21.0,
    Setpoint.CHILLED_WATER_SUPPLY_TEMPERATURE: 8.0,
    Setpoint.CONDENSER_WATER_SUPPLY_TEMPERATURE: 22.0,
}
KW_PER_K: Final = 12.0
"""What a kelvin of the supply air is worth."""


@dataclass(frozen=True)
class Sight:
    """What `brief.Brief` knows, of which the engine asks only this."""

    site: Site
    now: Observation
    record: Record
    wanted_c: float
    objective: Objective = Objective.FACILITY_ENERGY

    @property
    def calibration(self) -> Any:
        return type("Calibration", (), {"calibration_id": 7})

    def assess(self, changes: tuple[Change, ...]) -> Assessment:
        kw = KW_PER_K * sum(change.step_k for change in changes)
        half = 0.3 * abs(kw)
        return Assessment(
            benefit=Benefit(kw - half, kw, kw + half, 1000.0),
            attribution={"chillers": kw},
            worth={"chillers": kw},
            water_l_per_h=0.0,
            beyond_error_ratio=0.5,
            prediction=Prediction(25.0, 26.0, 1.0, 28.0, 31.0, 0.0, 0.0, 0.0, 12.0, 17.0, 0.6, 0.2, False),  # noqa: FBT003  # the table of a dataclass
            facility_kw_after=1000.0 - kw,
            it_kw=700.0,
            pue_before=1.4,
            pue_after=1.39,
        )

    def evidence(self, changes: tuple[Change, ...], assessment: Assessment) -> Evidence:
        return Evidence(
            site=self.site,
            changes=changes,
            data=self.now.quality,
            model=ModelQuality(7, "", (), "seasonal_naive", 60.0, 3600.0, 24.0, 4.0, forecast_skill=0.1),
            motion=self.now.motion,
            prediction=assessment.prediction,
            benefit=assessment.benefit,
            record=self.record,
        )

    def prediction_json(self, assessment: Assessment) -> dict[str, Any]:
        return {"facility_kw_before": 1000.0, "facility_kw_after": assessment.facility_kw_after}

    def together_json(self) -> dict[str, Any]:
        return {}

    def rule_json(self) -> dict[str, Any]:
        return {}

    def plan(self) -> Any:
        plain = {"start": self.now.at.isoformat()}
        return type("Plan", (), {"to_json": lambda _: plain})()

    def sources_json(self) -> dict[str, Any]:
        return {"calibration_id": 7, "forecast_model": "seasonal_naive", "data_at": self.now.at.isoformat()}


@dataclass
class World:
    """A plant that follows, and the clock that it lives by."""

    dsn: str
    site: Site
    clock: ManualClock
    conn: db.Connection
    """The tests' own look at the database; it commits by itself."""
    wanted_c: float = 22.0
    """Where the supply air would be best."""
    inlet_c: float = 25.0
    silent: bool = False
    """No readings come any more."""
    set_by_hand: dict[Setpoint, float] = field(default_factory=lambda: dict(OWN))

    def __post_init__(self) -> None:
        self.ids = {str(ref): register(self.conn, self.site, ref) for ref in self.site.refs()}
        self.read_out()

    @property
    def context(self) -> Context:
        return Context(Settings(dsn=self.dsn), self.site, self.clock, self.dsn)

    def setpoint_c(self, setpoint: Setpoint) -> float:
        """What the plant holds."""
        return self.set_by_hand[setpoint]

    def read_out(self) -> None:
        """The latest readings of all points; setpoints as readings too, where the gates look for moves."""
        if self.silent:
            return
        now, values = self.clock.now(), dict.fromkeys(self.ids, 500.0)
        values |= {str(ref): self.inlet_c for ref in self.site.sensors.rack_inlet}
        held = {str(bounds.point): self.setpoint_c(s) for s, bounds in self.site.setpoints.items()}
        with self.conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO reading_latest (point_id, time, value, status) VALUES (%s, %s, %s, 0)"
                " ON CONFLICT (point_id) DO UPDATE SET time = excluded.time, value = excluded.value",
                [(self.ids[ref], now, value) for ref, value in (values | held).items()],
            )
            cursor.executemany(
                "INSERT INTO reading (time, value, point_id, status) VALUES (%s, %s, %s, 0)"
                " ON CONFLICT DO NOTHING",
                [(now, value, self.ids[ref]) for ref, value in held.items()],
            )

    def wait(self, **span: float) -> None:
        """Time passes; then the plant is read out."""
        self.clock.advance(timedelta(**span))
        self.read_out()

    def gather(self, conn: db.Connection, site: Site, clock: ManualClock) -> Sight:
        """In place of `brief.gather`."""
        seen = observe.observe(conn, site, clock)
        if seen.quality.missing:
            raise NotReadyError("no readings yet")
        return Sight(site, seen, record.read_record(conn, site, clock.now()), self.wanted_c)

    def advise(self, seen: Sight) -> Candidate | str:
        """In place of `brief.advise`: the supply air, a step towards where it would be best."""
        now_c = seen.now.motion.in_force[AIR]
        to_c = min(now_c + self.site.setpoints[AIR].step_max_k, self.wanted_c)
        if seen.now.motion.under_way or AIR in seen.record.declined or to_c <= now_c:
            return "nothing to gain"
        return Candidate(Change(AIR, now_c, to_c), 0.0, 0.0)

    # what people and jobs do

    def propose(self) -> int:
        """A new card; its number, 0 where there is none."""
        said = propose.propose(self.context)
        return int(said.split()[1].rstrip(":")) if said.startswith("proposed") else 0

    def accept(self, number: int, actor: str = "Ada", version: int | None = None) -> engine.Outcome:
        seen = self.row(number)["version"] if version is None else version
        return engine.accept(self.dsn, self.site, self.clock, number, seen, actor)

    def guard(self) -> str:
        return guard.guard(self.context)

    # what is on record

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return self.conn.execute(query, values).fetchall()

    def row(self, number: int) -> dict[str, Any]:
        (found,) = self.rows("SELECT * FROM recommendation WHERE recommendation_id = %s", number)
        return found

    def state(self, number: int) -> str:
        return str(self.row(number)["state"])

    def way(self, number: int) -> list[str]:
        """The states that a recommendation went through."""
        found = self.rows(
            "SELECT to_state FROM recommendation_event WHERE recommendation_id = %s AND"
            " from_state IS DISTINCT FROM to_state ORDER BY event_id",
            number,
        )
        return [row["to_state"] for row in found]

    def alarms(self) -> set[str]:
        """Sources of the alarms that stand."""
        return {row["source"] for row in self.rows("SELECT source FROM alarm WHERE cleared_at IS NULL")}

    def authority(self) -> Authority:
        return authority.evidence(self.conn, self.site, self.clock, AIR).authority


def at(site: Site, **advice: Any) -> Site:
    """The same site with other words in `[advice]`."""
    return site.model_copy(update={"advice": site.advice.model_copy(update=advice)})


def made(monkeypatch: pytest.MonkeyPatch, world: World) -> World:
    """The world, with its line in the twin's place."""
    monkeypatch.setattr(brief, "gather", world.gather)
    monkeypatch.setattr(brief, "advise", world.advise)
    return world

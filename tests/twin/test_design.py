"""What `[plant]` describes is what the twin solves: each option changes what it should, and heat balances."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.plant import Plant
from core.site import load_site
from twin.describe import describe, note
from twin.network import BREAKDOWN, Conditions, Parameters, PlantState, Setpoints, solve
from twin.plant.dry_cooler import DryCoolerParameters
from twin.plant.tower import TowerParameters
from twin.plant.tower_merkel import MerkelParameters

if TYPE_CHECKING:
    from core.site import Site

GUIDE = Path(__file__).parents[2] / "docs" / "plant.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
AIR_COOLED = {"chiller_record": "york_ycal0033_air", "chiller_cop": 3.1}
NO_TOWER: dict[str, Any] = {
    **AIR_COOLED,
    "tower_fan_kw": None,
    "condenser_water_pump_kw": None,
    "has_waterside_economizer": False,
    "heat_rejection": {"kind": "none"},
}
LIQUID = {"pump_kw": 12.0, "supply_c": 34.0}


def changed(site: Site, **keys: Any) -> Plant:
    """The demo's plant with other design data."""
    return Plant.model_validate({**site.plant.model_dump(), **keys})


def at(
    plant: Plant,
    load_kw: float = 700.0,
    dry_bulb_c: float = 20.0,
    wet_bulb_c: float = 14.0,
    setpoints: Setpoints | None = None,
) -> PlantState:
    """The plant's state, its load shared evenly by the zones."""
    parameters = Parameters.from_design(plant)
    load = np.full(plant.zones, load_kw / plant.zones) if plant.zones > 1 else np.array(load_kw)
    given_c = setpoints or Setpoints(22.0, 9.0, 24.0)
    return solve(parameters, Conditions(load, dry_bulb_c, wet_bulb_c), given_c)


def balances(state: PlantState) -> None:
    """First law to 1e-6, bounds, and no NaN."""
    power_in = sum(float(getattr(state, name)) for name in BREAKDOWN)
    kept = float(state.heat_rejected_kw + state.reused_kw + state.stored_kw)
    assert kept == pytest.approx(power_in, rel=1e-6)
    assert float(state.power_ratio) >= 1
    for field in fields(PlantState):
        value = getattr(state, field.name)
        assert field.name == "power_ratio" or np.isfinite(value).all(), field.name


@st.composite
def plants(draw: st.DrawFn) -> dict[str, Any]:
    """Any combination of options that makes a plant."""
    towers = st.sampled_from(["york_tower", "merkel_tower", "dry_cooler"])
    if draw(st.booleans()):
        keys: dict[str, Any] = dict(NO_TOWER)
        source = "chilled_water"
    else:
        keys = {
            "heat_rejection": {"kind": draw(towers)},
            "has_waterside_economizer": draw(st.booleans()),
            "heat_reuse_kw": draw(st.sampled_from([0.0, 200.0, 5000.0])),
            "condenser_water_pump_speed": draw(st.sampled_from(["variable", "constant"])),
        }
        source = draw(st.sampled_from(["tower", "chilled_water"]))
        keys |= AIR_COOLED if keys["has_waterside_economizer"] and draw(st.booleans()) else {}
    outdoor = draw(st.booleans())
    stages = draw(st.sampled_from([(), ("direct",), ("indirect",), ("direct", "indirect")]))
    stages = stages if outdoor else tuple(name for name in stages if name == "indirect")
    sizes = {"direct": {"pump_kw": 1.0}, "indirect": {"full_kw": 25.0}}
    return_air = draw(st.booleans())
    return keys | {
        "zones": draw(st.sampled_from([1, 2, 4])),
        "air_economizer": {} if outdoor else None,
        "evaporative": {name: sizes[name] for name in stages} or None,
        "liquid": LIQUID | {"source": source} if draw(st.booleans()) else None,
        "crah_control": "return_air" if return_air else "equipment",
        "return_air_temperature_c": 34.0 if return_air else None,
        "chilled_water_pump_speed": draw(st.sampled_from(["variable", "constant"])),
        "envelope_kw_per_k": draw(st.sampled_from([0.0, 3.0])),
        "ups_hall_share_ratio": draw(st.sampled_from([0.0, 1.0])),
        "altitude_m": draw(st.sampled_from([0.0, 2000.0])),
    }


@settings(max_examples=60, deadline=None)
@given(
    keys=plants(),
    load_kw=st.sampled_from([0.0, 50.0, 400.0, 900.0, 1200.0]),
    dry_bulb_c=st.floats(-25, 40),
    depression_k=st.floats(0, 12),
)
def test_heat_balances_in_every_combination(
    site: Site, keys: dict[str, Any], load_kw: float, dry_bulb_c: float, depression_k: float
) -> None:
    state = at(changed(site, **keys), load_kw, dry_bulb_c, dry_bulb_c - depression_k)
    balances(state)
    if keys["heat_rejection"]["kind"] in {"dry_cooler", "none"} and keys["evaporative"] is None:
        assert float(state.water_l_per_h) == 0.0
    assert float(state.reused_kw) <= keys.get("heat_reuse_kw", 0.0)


@pytest.mark.parametrize("text", EXAMPLES, ids=["air-cooled", "warm-water"])
def test_the_examples_of_the_guide_are_plants(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    plant = load_site(path).plant
    for dry_bulb_c in (-10.0, 5.0, 18.0, 30.0):
        for share in (0.0, 0.5, 1.0):
            for condenser_c in (24.0, float("nan")):
                setpoints = Setpoints(22.0, 9.0, condenser_c)
                state = at(plant, share * plant.it_design_kw, dry_bulb_c, dry_bulb_c - 4.0, setpoints)
                balances(state)
                assert abs(float(state.balance_residual_kw)) < 1e-6
                assert float(state.unmet_kw) == 0.0


def test_there_are_two_examples_and_each_says_what_it_is(tmp_path: Path) -> None:
    found = []
    for text in EXAMPLES:
        path = tmp_path / "site.toml"
        path.write_text(text, encoding="utf-8")
        found.append(describe(Parameters.from_design(load_site(path).plant)))
    hall, warm = found
    assert hall == (
        "2 air-cooled chillers (York YCAL0033EE 100.6 kW/3.1 COP Air Cooled), air economizer, "
        "direct evaporative stage, no tower, CRAH fans by return air"
    )
    assert warm == (
        "3 air-cooled chillers (Carrier 30XA280 943.4kW/3.1COP), 80% of IT on liquid W32 by dry cooler, "
        "dry cooler, 500 kW of heat for use, 4 equal zones"
    )


def test_every_key_is_in_the_guide() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    missing = []
    tables = [Plant]
    while tables:
        for name, info in tables.pop().model_fields.items():
            missing += [name] if name not in text else []
            inner = [a for a in (info.annotation, *getattr(info.annotation, "__args__", ())) if _is_table(a)]
            tables += inner
    assert missing == []


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_fields")


def test_the_demo_is_described(site: Site) -> None:
    demo = Parameters.from_design(site.plant)
    assert describe(demo) == (
        "2 water-cooled chillers (Carrier 19XR 1259kW/6.26COP/Vanes), waterside economizer, tower (York)"
    )
    assert note(demo) == ""
    named = Parameters.from_design(changed(site, chiller_record="york_yt_1055_vanes"))
    assert "York YT 1055kW/5.96COP/Vanes renormalised" in note(named)


def test_kinds_of_heat_rejection(site: Site) -> None:
    for kind, parameters in (
        ("york_tower", TowerParameters),
        ("merkel_tower", MerkelParameters),
        ("dry_cooler", DryCoolerParameters),
    ):
        plant = changed(site, heat_rejection={"kind": kind})
        assert isinstance(Parameters.from_design(plant).rejection, parameters)
    york, merkel, dry = (
        at(changed(site, heat_rejection={"kind": kind}), dry_bulb_c=30.0, wet_bulb_c=22.0)
        for kind in ("york_tower", "merkel_tower", "dry_cooler")
    )
    assert float(merkel.condenser_water_supply_c) == pytest.approx(
        float(york.condenser_water_supply_c), abs=1.0
    )
    assert float(dry.condenser_water_supply_c) > 33
    assert float(dry.water_l_per_h) == 0 < float(merkel.water_l_per_h)


def test_a_smaller_approach_makes_colder_water(site: Site) -> None:
    def coldest(approach_k: float) -> float:
        plant = changed(site, heat_rejection={"kind": "dry_cooler", "approach_design_k": approach_k})
        return float(at(plant, setpoints=Setpoints(22.0, 9.0)).condenser_water_supply_c)

    assert coldest(4.0) < coldest(8.0) - 1


def test_a_tower_that_cannot_be_is_refused(site: Site) -> None:
    plant = changed(site, heat_rejection={"kind": "dry_cooler", "airflow_m3s": 5.0})
    with pytest.raises(InputError, match="dry cooler"):
        Parameters.from_design(plant)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            AIR_COOLED | {"has_waterside_economizer": False},
            ["nothing sends heat to", "York YCAL", 'kind = "none"'],
        ),
        (NO_TOWER | {"chiller_record": None, "chiller_cop": 5.0}, ['kind "none"', "water cools"]),
        ({"chiller_precool_ratio": 0.8}, ["plant.chiller_precool_ratio", "0.8", "air-cooled"]),
        ({"chiller_record": "york_ycall_air"}, ["chiller record", "york_ycall_air", "York YCAL0033EE"]),
    ],
)
def test_what_does_not_go_together_is_said_in_one_sentence(
    site: Site, keys: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        Parameters.from_design(changed(site, **keys))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_record_that_misses_its_rated_point_is_refused_unless_asked_for(
    site: Site, shared_data: Path
) -> None:
    table = shared_data / "reference" / "chillers_eir.csv"
    keys = {"chiller_record": "York YT 1495kW/7.51COP/VSD", "chiller_records_file": table}
    with pytest.raises(InputError, match="renormalised"):
        Parameters.from_design(changed(site, **keys))
    taken = Parameters.from_design(changed(site, **keys, chiller_renormalise=True))
    assert "renormalised" in note(taken)


def test_a_record_brings_its_own_size(site: Site) -> None:
    plant = changed(site, chiller_record="york_yt_1055_vanes", chiller_capacity_kw=None, chiller_cop=None)
    machines = Parameters.from_design(plant).chiller
    assert (machines.capacity_kw, machines.cop) == (1055.0, 5.96)


def test_each_option_changes_what_it_should(site: Site) -> None:
    base = at(site.plant)
    constant = at(changed(site, chilled_water_pump_speed="constant"))
    assert float(constant.chilled_water_pump_kw) == site.plant.chilled_water_pump_kw
    assert float(base.chilled_water_pump_kw) < float(constant.chilled_water_pump_kw)
    steeper = at(changed(site, condenser_water_pump_exponent=3.0))
    assert float(steeper.condenser_water_pump_kw) < float(base.condenser_water_pump_kw)
    assert (
        float(at(changed(site, ups_hall_share_ratio=1.0)).cooling_load_kw) > float(base.cooling_load_kw) + 20
    )
    leaky = changed(site, envelope_kw_per_k=2.0)
    assert (
        float(at(leaky, dry_bulb_c=38.0).cooling_load_kw)
        > float(at(leaky, dry_bulb_c=0.0).cooling_load_kw) + 50
    )
    cycles = at(changed(site, heat_rejection={"concentration_cycles": 2.0}))
    assert float(cycles.water_l_per_h) == pytest.approx(float(base.water_l_per_h) * 1.5, rel=0.01)
    heated = changed(site, heat_rejection={"basin_heater_kw_per_k": 2.0}, air_economizer={})
    assert float(at(heated, 700.0, -10.0, -11.0).basin_heater_kw) == pytest.approx(29.0)
    reused = at(changed(site, heat_reuse_kw=150.0))
    assert float(reused.reused_kw) == 150.0
    assert float(reused.tower_heat_kw) < float(base.tower_heat_kw) - 140


def test_precooled_condensers_draw_less_and_drink(site: Site) -> None:
    dry, wet = (at(changed(site, **NO_TOWER, chiller_precool_ratio=r), 700.0, 38.0, 22.0) for r in (0.0, 0.8))
    assert float(wet.chiller_kw) < 0.85 * float(dry.chiller_kw)
    assert float(wet.water_l_per_h) > 0 == float(dry.water_l_per_h)


def test_return_air_is_held_at_the_design_where_no_setpoint_is_given(site: Site) -> None:
    plant = changed(site, crah_control="return_air", return_air_temperature_c=33.0)
    assert float(at(plant).return_air_c) == pytest.approx(33.0, abs=0.1)
    asked = Setpoints(22.0, 9.0, 24.0, return_air_temperature_c=36.0)
    assert float(at(plant, setpoints=asked).return_air_c) == pytest.approx(36.0, abs=0.1)


def test_liquid_takes_its_share_and_the_chillers_do_less(site: Site) -> None:
    base, warm = at(site.plant), at(changed(site, liquid=LIQUID))
    cold = at(changed(site, liquid=LIQUID | {"source": "chilled_water", "thermal_class": "W17"}))
    assert float(warm.liquid_load_kw) == pytest.approx(0.75 * 700.0, rel=0.03)
    assert float(warm.chiller_kw) < 0.5 * float(base.chiller_kw)
    assert float(cold.chiller_kw) > 0.9 * float(base.chiller_kw)
    assert float(warm.liquid_pump_kw) > 0 == float(base.liquid_pump_kw)


def test_equal_zones_under_equal_load_are_one(site: Site) -> None:
    keys = {"liquid": LIQUID, "envelope_kw_per_k": 2.0, "air_economizer": {}}
    keys |= {"evaporative": {"indirect": {"full_kw": 20.0}, "direct": {"pump_kw": 1.0}}}
    for dry_bulb_c in (10.0, 30.0):
        whole, parts = (at(changed(site, **keys, zones=z), dry_bulb_c=dry_bulb_c) for z in (1, 4))
        for field in fields(PlantState):
            if field.name != "balance_residual_kw":
                expected = pytest.approx(getattr(whole, field.name), rel=1e-9, abs=1e-9)
                assert getattr(parts, field.name) == expected, field.name
    zoned = changed(site, **keys, zones=4)
    assert Parameters.from_design(zoned.as_one_zone) == Parameters.from_design(changed(site, **keys))


def test_memory_and_mass_are_as_described(site: Site) -> None:
    plant = changed(
        site,
        chilled_water_m3=20.0,
        staging={"hold_s": 600.0, "on_above_ratio": 0.8},
        waterside_economizer={"hold_s": 900.0, "effectiveness": 0.7},
    )
    found = Parameters.from_design(plant)
    assert found.loop is not None
    assert found.loop.water_m3_per_mw * found.loop.design_kw / 1000.0 == pytest.approx(20.0)
    assert found.staging is not None
    assert (found.staging.hold_s, found.staging.on_above_ratio) == (600.0, 0.8)
    assert found.economizer_modes is not None
    assert (found.economizer_modes.hold_s, found.economizer.effectiveness) == (900.0, 0.7)


def test_only_a_plant_with_a_tower_needs_condenser_water(site: Site) -> None:
    assert len(Parameters.from_design(site.plant).setpoints_needed) == 3
    assert len(Parameters.from_design(changed(site, **NO_TOWER)).setpoints_needed) == 2


def test_humidity_limits_take_in_less_outdoor_air(site: Site) -> None:
    def chiller_kw(**keys: float) -> float:
        plant = changed(site, air_economizer=keys, has_waterside_economizer=False)
        return float(at(plant, 700.0, 12.0, 11.5).chiller_kw)

    assert chiller_kw() == 0
    assert chiller_kw(dry_bulb_max_c=10.0) > 50
    assert chiller_kw(dew_point_max_c=8.0) > 50


def test_no_tower_means_no_multiplier_of_its_fans(site: Site) -> None:
    names = Parameters.from_design(changed(site, **NO_TOWER)).adjustable
    assert "tower_fan" not in names
    dry = Parameters.from_design(changed(site, heat_rejection={"kind": "dry_cooler"}))
    assert {"tower_fan", "rejection_conductance"} <= set(dry.adjustable)
    assert "tower_approach" not in dry.adjustable
    more = dry.with_multipliers({"tower_fan": 2.0})
    assert isinstance(more.rejection, DryCoolerParameters)
    assert more.rejection == replace(dry.rejection, fan=more.rejection.fan)
    assert more.rejection.fan.design_kw == 24.0

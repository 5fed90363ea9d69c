"""Design data that describe no possible plant are refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.plant import Plant
from core.site import load_site

DEMO = Path(__file__).parents[2] / "joulecast" / "demo" / "site.toml"
TOWER = "tower_fan_kw = 12.0\n"
PUMP = "condenser_water_pump_kw = 12.0\n"
ECONOMIZER = "has_waterside_economizer = true\n"
NONE = '[plant.heat_rejection]\nkind = "none"\n'
LIQUID = "[plant.liquid]\npump_kw = 10.0\n"


def _described(folder: Path, *, without: tuple[str, ...] = (), keys: str = "", tables: str = "") -> Path:
    """The demo's description without some of the plant's lines, with other keys and tables."""
    text = DEMO.read_text(encoding="utf-8")
    for line in without:
        assert line in text
        text = text.replace(line, "", 1)
    start = "[setpoints.supply_air_temperature]"
    path = folder / "site.toml"
    path.write_text(text.replace(start, f"{keys}\n{tables}\n{start}", 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("without", "keys", "tables", "words"),
    [
        ((TOWER,), "", "", ["york_tower needs tower_fan_kw"]),
        ((TOWER, PUMP), "", "", ["needs tower_fan_kw and condenser_water_pump_kw"]),
        ((), "", NONE, ["heat_rejection is none has no tower_fan_kw and no condenser_water_pump_kw"]),
        ((TOWER, PUMP), "", NONE, ["waterside economizer needs a tower"]),
        ((TOWER, PUMP, ECONOMIZER), "", NONE + LIQUID, ['liquid.source "tower" needs a tower']),
        ((TOWER, PUMP, ECONOMIZER), "heat_reuse_kw = 5.0", NONE, ["heat_reuse_kw", "heat_rejection is none"]),
        (
            (),
            "",
            '[plant.heat_rejection]\nkind = "dry_cooler"\nconcentration_cycles = 4',
            ["heat_rejection", "kind dry_cooler has no concentration_cycles"],
        ),
        ((), "", "[plant.heat_rejection]\nairflow_m3s = 40", ["kind york_tower has no airflow_m3s"]),
        ((), "", '[plant.heat_rejection]\nkind = "pond"', ["heat_rejection.kind", "'pond'", "dry_cooler"]),
        ((), "", LIQUID + 'thermal_class = "W33"', ["liquid.thermal_class", "'W33'", "W32"]),
        ((), "", LIQUID + "it_ratio = 1.2", ["liquid.it_ratio", "1.2", "less than or equal to 1"]),
        ((), "", "[plant.liquid]\n", ["liquid.pump_kw", "required"]),
        ((), "", "[plant.evaporative]\n", ["evaporative", "a table direct or a table indirect"]),
        ((), "", "[plant.evaporative.direct]\npump_kw = 1", ["it needs air_economizer"]),
        (
            (),
            "",
            "[plant.air_economizer]\nmixed_dew_point_min_c = 9\nmixed_dew_point_max_c = 5",
            ["air_economizer", "mixed_dew_point_min_c must be below mixed_dew_point_max_c"],
        ),
        ((), "", "[plant.staging]\noff_below_ratio = 0.95", ["staging", "off_below_ratio must be below"]),
        ((), 'crah_control = "return_air"', "", ["return_air_temperature_c", "go together"]),
        ((), "return_air_temperature_c = 30.0", "", ["return_air_temperature_c", "go together"]),
        ((), "zones = 3", "", ["4 CRAHs cannot be shared by 3 equal zones"]),
        (("chiller_cop = 5.5\n",), "", "", ["chiller_cop may be left out only beside a chiller_record"]),
        ((), "chiller_renormalise = true", "", ["need a chiller_record"]),
        ((), 'chiller_records_file = "table.csv"', "", ["need a chiller_record"]),
        (
            (),
            'chiller_record = "x"\nchiller_records_file = "table.csv"',
            "",
            ["plant.chiller_records_file", "'table.csv', where there is no file"],
        ),
        ((), 'condenser_water_pump_speed = "fast"', "", ["condenser_water_pump_speed", "'fast'", "constant"]),
        ((), "chilled_water_pump_exponent = 0.5", "", ["chilled_water_pump_exponent", "0.5"]),
        (
            (ECONOMIZER,),
            "has_waterside_economizer = false",
            "[plant.waterside_economizer]\n",
            ["has_waterside_economizer is false beside a table"],
        ),
        ((), "", "[plant.waterside_economizer]\neffectivness = 0.7", ["effectivness", "unknown key"]),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    tmp_path: Path, without: tuple[str, ...], keys: str, tables: str, words: list[str]
) -> None:
    path = _described(tmp_path, without=without, keys=keys, tables=tables)
    with pytest.raises(InputError) as caught:
        load_site(path)
    sentence = str(caught.value)
    assert caught.value.exit_status == 2
    assert "\n" not in sentence
    for word in ("plant", *words):
        assert word in sentence


def test_the_table_of_chillers_lies_beside_the_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _described(tmp_path, keys='chiller_record = "x"\nchiller_records_file = "data/table.csv"')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.csv").touch()
    monkeypatch.chdir("/")
    assert load_site(path).plant.chiller_records_file == tmp_path / "data" / "table.csv"


def test_an_economizer_by_key_and_by_table_are_the_same(tmp_path: Path) -> None:
    by_key = load_site(_described(tmp_path)).plant
    by_table = load_site(
        _described(tmp_path, without=(ECONOMIZER,), tables="[plant.waterside_economizer]\n")
    ).plant
    assert by_key.economizer == by_table.economizer
    assert by_key.economizer is not None
    assert load_site(_described(tmp_path, without=(ECONOMIZER,))).plant.economizer is None


def test_one_zone_has_everything_that_the_zones_had(tmp_path: Path) -> None:
    zoned = load_site(_described(tmp_path, keys="zones = 2")).plant
    assert isinstance(zoned, Plant)
    assert zoned.as_one_zone == load_site(_described(tmp_path, keys="zones = 1")).plant

"""Mapping files: everything that can be wrong in one is said before anything is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.clock import SystemClock
from core.errors import InputError
from ingest.history import plan_import
from ingest.mapping import MapFile, parse_selector

if TYPE_CHECKING:
    from pathlib import Path

GPUS = 'time = "t"\nasset = "gpu"\nasset_column = "index"\n[points]\ngpu_power = "mw:mW"\n'


def loaded(folder: Path, text: str) -> MapFile:
    path = folder / "map.toml"
    path.write_text(text, encoding="utf-8")
    return MapFile.load(path)


def test_columns_and_an_asset_by_a_column_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "t,index,mw\n2026-03-01T00:00:00Z,0,1500\n2026-03-01T00:00:00Z,1,2500\n", encoding="utf-8"
    )
    found = plan_import(path, loaded(tmp_path, GPUS), None, SystemClock())
    assert [(p.asset, p.point, p.most) for p in found.points] == [
        ("gpu-0", "gpu_power", 1.5),
        ("gpu-1", "gpu_power", 2.5),
    ]


def test_an_asset_by_a_column_of_names(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "t,meter,kw\n2026-03-01T00:00:00Z,rack-1,1\n2026-03-01T00:00:00Z,7,2\n2026-03-01,A B,3\n",
        encoding="utf-8",
    )
    text = 'time = "t"\nasset_column = "meter"\n[points]\npower = "kw:kW"\n'
    found = plan_import(path, loaded(tmp_path, text), None, SystemClock())
    assert {p.asset: p.most for p in found.points} == {"rack-1": 1000.0, "7": 2000.0}
    assert found.reasons == ["line 4: meter 'A B' is no name of an asset"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("time = ", "TOML"),
        ("", "no points"),
        ('time = "t"\n[points]\nit_pwoer = "w"', "it_pwoer"),
        ('time = "t"\n[points]\nit_power = "w:furlong"', "furlong"),
        ('time = "t"\n[points]\nit_power = "w:degC"', "degC"),
        ('time = "t"\n[points]\n"A B/it_power" = "w"', "A B"),
        ('tiem = "t"\n[points]\nit_power = "w"', "tiem"),
        ('time = 7\n[points]\nit_power = "w"', "time"),
        ('time = "t"\nasset = "A B"\n[points]\nit_power = "w"', "A B"),
        ('time = "t"\nasset = "x"\n[points]\nit_power = "w"\n"x/it_power" = "v"', "twice"),
        ('[[prometheus]]\nselector = "{"\npoint = "power"\nasset = "x"', "selector"),
        ('[[prometheus]]\nselector = "up{a=~\\"(\\"}"\npoint = "power"\nasset = "x"', "selector"),
        ('[[prometheus]]\nselector = "up"\npoint = "power"\nasset = "A {b}"', "asset"),
        ('[[prometheus]]\nselector = "up"\npoint = "power"', "asset"),
        ('[[prometheus]]\nselector = "up"\npoint = "power"\nasset = "x"\nunit = "furlong"', "furlong"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text)
    assert word in str(caught.value)


def test_a_file_for_something_else(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("t,kw\n2026-03-01,1\n", encoding="utf-8")
    only_series = '[[prometheus]]\nselector = "up"\npoint = "power"\nasset = "x"'
    for text in (only_series, '[points]\nit_power = "kw"'):
        with pytest.raises(InputError, match="no time"):
            plan_import(path, loaded(tmp_path, text), None, SystemClock())
    with pytest.raises(InputError, match="no readable file"):
        MapFile.load(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("power_w", True),
        ("power", False),
        ('{__name__="power_w"}', True),
        ('power_w{gpu="0"}', True),
        ('power_w{ gpu = "1" , }', False),
        ('power_w{gpu=~"0|1",host!="b"}', True),
        ('power_w{gpu!~"0|1"}', False),
        ('power_w{absent=""}', True),
        ('power_w{host="a\\"x"}', False),
    ],
)
def test_selectors(selector: str, *, fits: bool) -> None:
    labels = {"__name__": "power_w", "gpu": "0", "host": "a"}
    assert all(m.fits(labels) for m in parse_selector(selector)) is fits


@pytest.mark.parametrize("text", ["", "{}", "a b", 'x{gpu="0}', "x{gpu=0}", 'x{gpu="0" host="1"}'])
def test_no_selectors(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_selector(text)

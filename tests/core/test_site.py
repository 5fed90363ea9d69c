from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.points import PointRef
from core.site import Site, load_site

DEMO = Path(__file__).parents[2] / "joulecast" / "demo" / "site.toml"


def _changed(tmp_path: Path, old: str, new: str) -> Path:
    text = DEMO.read_text()
    assert old in text
    path = tmp_path / "site.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_the_demo_describes_a_whole_plant(site: Site) -> None:
    assert site.meters.facility == (PointRef("utility", "facility_power"),)
    assert len(site.meters.cooling) == 2 + 4 + 2 + 1
    assert len(site.setpoints) == 3
    assert PointRef("rack-8", "inlet_temperature") in site.refs()
    assert len(site.forecast.targets["gpu"]) == 16


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('id = "demo"', 'id = "De mo"', ["site.id", "'De mo'"]),
        ("it_design_kw = 1000.0", 'it_design_kw = "big"', ["plant.it_design_kw", "'big'"]),
        ("it_design_kw = 1000.0", "it_design_mw = 1", ["plant.it_design_mw", "unknown key"]),
        ('"utility/facility_power"', '"utility/facilty_power"', ["meters.facility", "facilty_power"]),
        ('"pdu/it_power"', '"pdx/it_power"', ["pdx", "[[assets]]"]),
        ("low_c = 18.0", "low_c = 28.0", ["low_c must be below high_c"]),
        ('timezone = "Europe/Amsterdam"', 'timezone = "Mars/Olympus"', ["Mars/Olympus"]),
        ("category = 2", "category = 4", ["meters.category", "1, 2 or 3"]),
        ("position = 2", "position = 0", ["assets.", "position", "greater than or equal to 1"]),
        ('row = "A"', "power_limit_kw = -3", ["assets.", "power_limit_kw", "greater than 0"]),
        ('[site]\nid = "demo"\n', "[site]\n", ["site.id", "nothing"]),
        ("[limits]", "[limits", ["no TOML"]),
        ("\ngpu = [", "\nit_power = [", ["forecast", "it_power", "[meters]", "another name"]),
        ("\ngpu = [", "\nGPU = [", ["forecast.targets.GPU"]),
        ("[forecast.targets]", "[forecast.goals]", ["forecast.goals", "unknown key"]),
        (
            '    "gpu-node-01/power",',
            '    "hall/return_air_temperature",',
            ["gpu", "power points", "hall/return_air"],
        ),
        ('    "gpu-node-01/power",', '    "gpu-node-02/power",', ["gpu must name each point once"]),
        ('    "gpu-node-01/power",', '    "gpu-node-99/power",', ["gpu-node-99", "[[assets]]"]),
        ("\ngpu = [", "\nhall = []\ngpu = [", ["forecast.targets.hall", "at least 1"]),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    path = _changed(tmp_path, old, new)
    with pytest.raises(InputError) as caught:
        load_site(path)
    sentence = str(caught.value)
    assert caught.value.exit_status == 2
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml: found no readable file"):
        load_site(tmp_path / "nowhere.toml")

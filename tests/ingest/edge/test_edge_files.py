"""Keys and the gateway's own file: what is wrong with them is one sentence, and `joulecast edge` says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import InputError
from ingest.edge import keys
from ingest.edge.config import load
from ingest.edge.drivers import choose
from joulecast.cli import run

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
site = "demo"
broker = "mqtt://127.0.0.1:1883"
keys = ["command.pub"]

[plant]
kind = "mqtt"
prefix = "plant/demo"

[points."hall/supply_air_temperature_setpoint"]
min = 18.0
max = 27.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys.make(tmp_path)
    (tmp_path / "edge.toml").write_text(GOOD)
    return tmp_path


def test_a_pair_of_keys_fits_and_is_private(tmp_path: Path) -> None:
    private, public = keys.make(tmp_path / "new")
    assert private.stat().st_mode & 0o777 == 0o600
    secret, known = keys.load_private(private), keys.load_public(public)
    assert keys.key_id(secret.public_key()) == keys.key_id(known)
    known.verify(secret.sign(b"one"), b"one")
    with pytest.raises(InputError, match="a key already"):
        keys.make(tmp_path / "new")


def test_keys_that_are_none(folder: Path) -> None:
    (folder / "command.key").chmod(0o640)
    with pytest.raises(InputError, match="others can read"):
        keys.load_private(folder / "command.key")
    with pytest.raises(InputError, match="private Ed25519"):
        keys.load_private(folder / "none.key")
    (folder / "command.pub").chmod(0o600)
    with pytest.raises(InputError, match="something else"):
        keys.load_private(folder / "command.pub")
    with pytest.raises(InputError, match="public Ed25519"):
        keys.load_public(folder / "command.key")
    with pytest.raises(InputError, match="folder that can be written"):
        keys.make(folder / "command.pub" / "below")


def test_a_good_file_is_seen_from_its_own_folder(folder: Path) -> None:
    found = load(folder / "edge.toml")
    assert found.memory == folder / "edge.memory"
    assert len(found.believed()) == 1
    limits = found.limits().points["hall/supply_air_temperature_setpoint"]
    assert (limits.unit, limits.max_step, limits.lease_max_s) == ("degC", 1.0, 900.0)


BACNET = 'kind = "bacnet"\naddress = "127.0.0.1/32:1"\ndevice = "127.0.0.1:2"\n'
MODBUS = 'kind = "modbus"\nhost = "127.0.0.1"\nheartbeat_register = 9\n'
WRONG = {
    "no TOML": ("site =", "site"),
    "an unknown key": ('kind = "mqtt"', 'kind = "mqtt"\nsecrets = 1'),
    "required": ('site = "demo"', ""),
    "min must be below max": ("max = 27.0", "max = 17.0"),
    "catalogue": ("supply_air_temperature_setpoint", "humour"),
    "mqtt://": ("mqtt://127.0.0.1:1883", "ftp://127.0.0.1"),
    "no such file": ("command.pub", "other.pub"),
    "needs an object": ('kind = "mqtt"\nprefix = "plant/demo"', BACNET),
    "needs setpoint_register": ('kind = "mqtt"\nprefix = "plant/demo"', MODBUS),
    "10, 11 or 12": ('kind = "mqtt"\nprefix = "plant/demo"', f"{BACNET}priority = 8"),
    "greater than or equal to 60": ('site = "demo"', 'site = "demo"\nsilence_s = 5'),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_wrong_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], sentence: str
) -> None:
    old, new = WRONG[sentence]
    assert old in GOOD
    (folder / "edge.toml").write_text(GOOD.replace(old, new))
    assert run(["edge", "check", "--config", str(folder / "edge.toml")]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_no_file_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["edge", "--config", str(tmp_path / "edge.toml")]) == 2
    assert "no readable file" in capsys.readouterr().err


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_command_makes_keys_and_checks_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["edge", "keys", str(tmp_path), "--json"]) == 0
    assert said(capsys)["public"] == str(tmp_path / "command.pub")
    assert run(["edge", "keys", str(tmp_path)]) == 2
    assert "a key already" in capsys.readouterr().err
    (tmp_path / "edge.toml").write_text(GOOD)
    assert run(["edge", "check", "--config", str(tmp_path / "edge.toml"), "--json"]) == 0
    assert said(capsys)["points"]["hall/supply_air_temperature_setpoint"]["max"] == 27.0
    assert run(["edge", "check", "--config", str(tmp_path / "edge.toml")]) == 0
    assert "18 to 27" in capsys.readouterr().out


def test_an_address_that_is_not_ours_is_one_sentence(folder: Path) -> None:
    text = GOOD.replace('kind = "mqtt"\nprefix = "plant/demo"', BACNET.replace("127.0.0.1/32:1", "nowhere"))
    (folder / "edge.toml").write_text(text + 'object = "analog-value,1"\n')
    with pytest.raises(InputError, match=r"plant\.address"):
        choose.make(load(folder / "edge.toml"))

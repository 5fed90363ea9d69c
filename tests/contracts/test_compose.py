"""docker-compose.yml against the compose specification and against the services as they are."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings import PREFIX, Settings
from ingest.topics import NOTIFICATION

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
ROOMS = ("ingest", "forecast", "twin", "ui")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(COMPOSE.read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_it_follows_the_compose_specification() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_specification_would_refuse_a_mistake(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text().replace("restart: unless-stopped", "restrat: unless-stopped", 1))
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(broken),
    ]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


def test_every_service_is_watched_restarted_bounded_and_not_root(compose: dict[str, Any]) -> None:
    assert {"db", "broker", "migrate", *ROOMS} == set(compose["services"])
    for name, service in compose["services"].items():
        assert service["restart"] in {"unless-stopped", "on-failure"}, name
        assert service["user"].split(":")[0] not in {"0", "root"}, name
        assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"]), name
        assert "healthcheck" in service, name


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_starts_by_its_real_entry_point(compose: dict[str, Any], room: str) -> None:
    service = compose["services"][room]
    assert service["command"] == ["python", "-m", room]
    assert importlib.util.find_spec(f"{room}.__main__") is not None
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert service["build"]["args"]["ROOM"] in extras


def test_every_setting_is_one_that_the_code_reads(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for key in service.get("environment", {}):
            if key.startswith(PREFIX):
                assert key.removeprefix(PREFIX).lower() in Settings.model_fields, (name, key)


def test_health_checks_ask_the_port_that_is_served(compose: dict[str, Any]) -> None:
    for room in ("ingest", "forecast", "twin"):
        service = compose["services"][room]
        assert (
            f":{service['environment']['JOULECAST_HEALTH_PORT']}/healthz"
            in service["healthcheck"]["test"][-1]
        )
    ui = compose["services"]["ui"]
    port = ui["environment"]["JOULECAST_UI_PORT"]
    assert f":{port}/healthz" in ui["healthcheck"]["test"][-1]
    assert [p.rsplit(":", 1)[1] for p in ui["ports"]] == [port]
    assert int(port) == Settings.model_fields["ui_port"].default


def test_nothing_is_published_beyond_the_loopback(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_database_is_timescale_on_postgresql_17(compose: dict[str, Any]) -> None:
    image = compose["services"]["db"]["image"]
    assert image.startswith("timescale/timescaledb:")
    assert image.endswith("-pg17")


def test_the_broker_knows_everyone_and_only_ingest_commands(compose: dict[str, Any]) -> None:
    config = compose["configs"]["mosquitto"]["content"]
    assert "allow_anonymous false" in config
    assert "password_file" in config
    acl = compose["configs"]["acl"]["content"].replace("$$", "$")
    before, _, plant = acl.partition("user plant")
    assert "topic write joulecast/+/$command/#" in before
    assert f"topic write joulecast/+/{NOTIFICATION}/#" in before
    assert "write joulecast/+/$command" not in plant


def test_the_site_is_a_folder_that_only_the_pages_may_write_into(compose: dict[str, Any]) -> None:
    for room in ROOMS:
        [mount] = compose["services"][room]["volumes"]
        folder, inside, *how = mount.split(":")
        assert (folder, how) == ("./site", [] if room == "ui" else ["ro"])
        file = compose["services"][room]["environment"]["JOULECAST_SITE_FILE"]
        assert str(Path(file).parent) == inside
        assert compose["services"][room]["env_file"] == [{"path": "joulecast.env", "required": False}]


@pytest.mark.parametrize("where", ["Dockerfile", ".ci/install-debian.sh", "README.md"])
def test_the_library_that_lightgbm_needs_is_installed_or_asked_for(where: str) -> None:
    assert "libgomp1" in (ROOT / where).read_text()

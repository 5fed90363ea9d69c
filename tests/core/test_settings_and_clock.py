from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core.clock import ManualClock, ScaledClock, SystemClock, clock_from, clock_spec
from core.errors import InputError
from core.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_environment_goes_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "joulecast.toml").write_text("ui_port = 9000\nbatch_rows = 10\n")
    monkeypatch.setenv("JOULECAST_UI_PORT", "9001")
    settings = load_settings()
    assert (settings.ui_port, settings.batch_rows) == (9001, 10)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("JOULECAST_UI_PROT", "1", ["JOULECAST_UI_PROT", "JOULECAST_UI_PORT"]),
        ("JOULECAST_UI_PORT", "eighty", ["ui_port", "'eighty'"]),
        ("JOULECAST_LOG_LEVEL", "loud", ["log_level", "DEBUG, INFO, WARNING, ERROR"]),
    ],
)
def test_a_wrong_variable_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: list[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as caught:
        load_settings()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("text", ["ui_prot = 1\n", "ui_port = \n"])
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "joulecast.toml").write_text(text)
    with pytest.raises(InputError, match=r"joulecast\.toml"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('notify_stmp = "smtp://ann:s3cret@mail"', "setting notify_stmp: found no setting of that name;"),
        (
            'notify_webhook = ["https://hooks/s3cret"]',
            "setting notify_webhook: found a value that is not shown",
        ),
        ('ui_port = "postgresql://ann:s3cret@db"', "setting ui_port: found a value that is not shown"),
        ('log_level = "password=s3cret"', "setting log_level: found a value that is not shown"),
    ],
)
def test_no_password_is_in_what_is_said_about_a_setting(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "joulecast.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_errors_cross_process_borders() -> None:
    error = InputError("a", found="b", allowed="c", do="d")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # our own bytes


def test_a_clock_survives_its_spec() -> None:
    wall, plant = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    clock = ScaledClock(wall, plant, 60.0)
    assert clock_from(clock_spec(clock)) == clock
    assert isinstance(clock_from(clock_spec(SystemClock())), SystemClock)


def test_a_scaled_clock_runs_as_fast_as_it_says() -> None:
    wall = datetime.now(UTC) - timedelta(seconds=10)
    clock = ScaledClock(wall, datetime(2026, 5, 1, tzinfo=UTC), 3600.0)
    assert clock.now() - datetime(2026, 5, 1, tzinfo=UTC) >= timedelta(hours=10)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
    clock.sleep(90)
    assert clock.now() == datetime(2026, 5, 1, 0, 1, 30, tzinfo=UTC)

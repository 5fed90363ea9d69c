"""`joulecast collect`: bad input is one sentence and exit status 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from joulecast import cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["prometheus", "node:9400"], "http://"),
        (["prometheus", "http://node:9400/metrics", "--asset", "Not A Name"], "--asset"),
        (["host", "--asset", "Ä"], "--asset"),
        (["grid", "absent.csv"], "absent.csv"),
        (["grid", "absent.csv", "--map", "time=t"], "no column of points"),
        (["grid", "ftp://grid/now"], "http://"),
        (["weather", "absent.csv"], "--map"),
        (["weather", "absent.epw"], "absent.epw"),
        (["host", "--interval", "0"], "--interval"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["collect", *arguments]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1

"""What the code must never do, whoever writes it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("joulecast", "core", "ingest", "forecast", "twin", "ui", "sql")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 120


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_file_and_no_function_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES_MAX
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, node.name


@pytest.mark.parametrize("path", [p for p in SOURCES if _name(p) != "core/clock.py"], ids=_name)
def test_only_the_clock_asks_what_time_it_is(path: Path) -> None:
    asked = [
        ast.unparse(node)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func)
        in {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    ]
    assert asked == []


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_nothing_is_loaded_that_could_run_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "import pickle" not in text
    assert "torch.load" not in text


def test_the_project_names_no_path_of_a_machine() -> None:
    own = re.compile(r"(?<![\w./])/(work|root|home|opt/pypi)(/|\b)")
    texts = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".toml", ".yml", ".sql", ".sh"}]
    inside = [
        p for p in texts if not {".venv", ".git", ".joulecast", ".ci-tools"} & set(p.relative_to(ROOT).parts)
    ]
    found = [_name(p) for p in inside if p != Path(__file__) and own.search(p.read_text(encoding="utf-8"))]
    assert found == []

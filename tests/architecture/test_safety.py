"""Who may accept a change and who may write a command, read from the source itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import joulecast
from twin.advise import safety
from twin.advise.safety import Accepted, UngatedError

ROOT = Path(joulecast.__file__).parents[1]
ROOMS = ("joulecast", "core", "ingest", "forecast", "twin", "ui")
GATES_FILE = ROOT / "twin" / "advise" / "safety.py"
WRITER = ROOT / "twin" / "advise" / "engine.py"
DISPATCHER = ROOT / "ingest" / "commands.py"


def _sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def _trees(leave_out: Path) -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in _sources() if path != leave_out]


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_only_the_gates_construct_accepted() -> None:
    makers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in _trees(GATES_FILE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) == "Accepted"
    ]
    assert makers == []


def test_nobody_reaches_for_the_key() -> None:
    for path, tree in _trees(GATES_FILE):
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
        assert "_KEY" not in names, path


def test_accepted_is_made_at_one_place_in_the_gates() -> None:
    tree = ast.parse(GATES_FILE.read_text(encoding="utf-8"))
    makers = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and _called(node) == "Accepted"
    ]
    assert makers == ["judge"]


def test_construction_without_the_key_raises() -> None:
    with pytest.raises(UngatedError):
        Accepted((), "Eve", (), object())


def test_set_commands_are_inserted_at_one_place_that_takes_an_accepted() -> None:
    queries = {q.stem: _flat(q.read_text(encoding="utf-8")) for q in _queries()}
    inserting = {stem for stem, text in queries.items() if "insert into command" in text}
    assert inserting - {"ingest_insert_command"} == {"twin_insert_command"}
    users = [path for path in _sources() if "twin_insert_command" in path.read_text(encoding="utf-8")]
    assert users == [WRITER]
    raw = [p for p in _sources() if "insert into command" in _flat(p.read_text(encoding="utf-8"))]
    assert raw == []
    tree = ast.parse(WRITER.read_text(encoding="utf-8"))
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(n, ast.Constant) and n.value == "twin_insert_command" for n in ast.walk(node))
    ]
    assert len(functions) == 1
    kinds = [ast.unparse(a.annotation) for a in functions[0].args.args if a.annotation]
    assert "Accepted" in kinds


def test_whatever_else_is_sent_sets_nothing() -> None:
    """The dispatcher's own commands renew and release, and no query makes a `set` of them."""
    tree = ast.parse(DISPATCHER.read_text(encoding="utf-8"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and any(_is_text(a, "ingest_insert_command") for a in node.args)
    ]
    for call in calls:
        assert any(word.arg == "kind" for word in call.keywords)
    made = [
        ast.unparse(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) == "_sign_own"
        for argument in node.args
    ]
    assert not any("SET" in text for text in made)


def test_states_change_only_by_way_of_move() -> None:
    for path in _sources():
        if path != ROOT / "core" / "moves.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"""["']move["']""", text), path
            assert "transition(" not in text, path
    for query in _queries():
        text = _flat(query.read_text(encoding="utf-8"))
        assert query.stem == "move" or "transition(" not in text, query
        for update in re.findall(r"update recommendation(?: as \w+)? set (.*?)(?: from | where |$)", text):
            assert not re.search(r"\b(state|version|due_at) =", update), query


def _queries() -> list[Path]:
    return sorted((ROOT / "sql" / "queries").glob("*.sql"))


def _is_text(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _flat(text: str) -> str:
    return " ".join(text.lower().split())


def test_the_gates_stand_in_order() -> None:
    names = [gate.__name__ for gate in safety.GATES]
    assert names == [
        "data",
        "model",
        "bounds",
        "motion",
        "prediction",
        "benefit",
        "human",
        "verification",
    ]


def test_sources_were_found() -> None:
    assert GATES_FILE in _sources()
    assert len(_sources()) > len(ROOMS)

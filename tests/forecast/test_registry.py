"""Versions: stored, checked, put in force and back, each task by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from stored import keep

import sql
from core import db
from core.errors import InputError
from forecast import provenance, registry
from forecast.protocol import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from core.clock import ManualClock
    from core.site import Site

QUARTERS = Task("it_power")
HOURS = Task("it_power", 3600, 24)


@pytest.fixture
def conn(dsn: str) -> Iterator[db.Connection]:
    with db.connect(dsn, autocommit=True) as opened:
        yield opened


@pytest.fixture
def now(clock: ManualClock) -> datetime:
    return clock.now()


@pytest.fixture
def promote(conn: db.Connection, site: Site, now: datetime) -> Callable[[int], registry.Version]:
    return partial(registry.promote, conn, site.id, at=now, actor="Ann", reason="a test")


def in_force(conn: db.Connection, site: Site, task: Task = QUARTERS) -> int | None:
    found = registry.champion(conn, site.id, task.target, task.step_s)
    return found.model_version_id if found else None


def test_each_grid_of_a_target_has_its_own_champion(
    conn: db.Connection, site: Site, now: datetime, promote: Callable[[int], registry.Version]
) -> None:
    quarters, hours = keep(conn, site, now, QUARTERS), keep(conn, site, now, HOURS)
    assert in_force(conn, site) is None
    promote(quarters)
    assert (in_force(conn, site), in_force(conn, site, HOURS)) == (quarters, None)
    promote(hours)
    assert (in_force(conn, site), in_force(conn, site, HOURS)) == (quarters, hours)
    assert [v.step_s for v in registry.versions(conn, site.id, "it_power", 3600)] == [3600]
    assert {v.model_version_id for v in registry.versions(conn, site.id)} == {quarters, hours}


def test_a_rollback_goes_back_one_by_one_and_stays_on_record(
    conn: db.Connection, site: Site, now: datetime, promote: Callable[[int], registry.Version]
) -> None:
    first, second, third = (keep(conn, site, now, QUARTERS, seed) for seed in (1, 2, 3))
    back = partial(registry.rollback, conn, site.id, "it_power", 900, at=now, actor="Ann", reason="it drifts")
    for version in (first, second, third):
        promote(version)
    assert back().model_version_id == second
    assert back().model_version_id == first == in_force(conn, site)
    with pytest.raises(InputError, match="in force before: found none"):
        back()
    promote(third)
    assert back().model_version_id == first
    record = conn.execute("SELECT model_version_id, actor, reason FROM model_promotion").fetchall()
    assert [r["model_version_id"] for r in record] == [first, second, third, second, first, third, first]
    assert record[-1]["reason"] == "it drifts"
    statuses = {v.model_version_id: v.status for v in registry.versions(conn, site.id)}
    assert statuses == {first: "champion", second: "retired", third: "retired"}


@pytest.mark.parametrize(
    ("promotions", "expected"),
    [
        ("", []),
        ("1 2 3", [1, 2, 3]),
        ("1 2 3 -2", [1, 2]),
        ("1 2 3 -2 -1", [1]),
        ("1 2 -1 3", [1, 3]),
        ("1 2 -1 3 -1 2", [1, 2]),
    ],
)
def test_what_stands_by_hand(promotions: str, expected: list[int]) -> None:
    rows: list[db.Row] = [
        {"model_version_id": abs(int(word)), "takes_back": word.startswith("-")}
        for word in promotions.split()
    ]
    assert registry.standing(rows) == expected


def test_a_champion_that_is_promoted_again_has_the_same_before_it(
    conn: db.Connection, site: Site, now: datetime, promote: Callable[[int], registry.Version]
) -> None:
    first, second = (keep(conn, site, now, QUARTERS, seed) for seed in (1, 2))
    for version in (first, second, second):
        promote(version)
    found = registry.rollback(conn, site.id, "it_power", at=now, actor="Ann", reason="a test")
    assert found.model_version_id == first


def test_what_was_in_force_before_promotions_were_kept_is_on_record(
    conn: db.Connection, site: Site, now: datetime, promote: Callable[[int], registry.Version]
) -> None:
    first, second = (keep(conn, site, now, QUARTERS, seed) for seed in (1, 2))
    conn.execute("DROP TABLE model_promotion")
    conn.execute("UPDATE model_version SET status = 'champion' WHERE model_version_id = %s", (first,))
    (file,) = (f for f in sql.migrations("migrations") if f.name.endswith("0011_promotions.sql"))
    conn.execute(file.text)
    promote(second)
    found = registry.rollback(conn, site.id, "it_power", at=now, actor="Ann", reason="a test")
    assert found.model_version_id == first


def test_an_unknown_version_is_refused(
    conn: db.Connection, site: Site, now: datetime, promote: Callable[[int], registry.Version]
) -> None:
    with pytest.raises(InputError, match="nothing has been trained yet"):
        promote(7)
    keep(conn, site, now, QUARTERS)
    with pytest.raises(InputError, match="choose one of these"):
        promote(10_000)


def test_old_weights_go_but_not_those_in_force_or_before(
    conn: db.Connection,
    site: Site,
    now: datetime,
    promote: Callable[[int], registry.Version],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "WEIGHTS_KEPT", 2)
    made = [keep(conn, site, now + timedelta(days=i), QUARTERS, i) for i in range(3)]
    other = keep(conn, site, now, HOURS)
    promote(made[1])
    promote(made[2])
    made += [keep(conn, site, now + timedelta(days=i), QUARTERS, i) for i in range(3, 6)]
    kept = {v.model_version_id for v in registry.versions(conn, site.id) if v.has_weights}
    assert kept == {made[1], made[2], made[4], made[5], other}
    with pytest.raises(InputError, match="found none"):
        promote(made[0])
    assert in_force(conn, site) == made[2]


def _flipped(version: registry.Version) -> registry.Version:
    assert version.weights is not None
    changed = bytearray(version.weights)
    changed[2000] ^= 255
    return replace(version, weights=bytes(changed))


def _card(version: registry.Version, **changes: Any) -> registry.Version:
    return replace(version, card=version.card | changes)


def _unknown_candidate(version: registry.Version) -> registry.Version:
    config = version.card["config"]
    return _card(version, config=config | {"candidates": ["psychic", *config["candidates"][1:]]})


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (_flipped, "weights of model version .* checksum"),
        (lambda v: replace(v, weights=None), "weights of model version .* none"),
        (lambda v: _card(v, weights_sha256="0" * 64), "weights of model version"),
        (lambda v: replace(v, card={}), "card of model version .*KeyError"),
        (lambda v: _card(v, config={"layers": 3}), "card of model version .*TypeError"),
        (lambda v: _card(v, config=v.card["config"] | {"hidden": 13}), "size mismatch|weights"),
        (_unknown_candidate, "found candidates psychic"),
        (
            lambda v: _card(v, task=v.card["task"] | {"target": "cooling_power"}),
            "found cooling_power at 900 s",
        ),
    ],
    ids=["weights", "pruned", "checksum", "empty", "unknown field", "size", "candidate", "task"],
)
def test_what_was_tampered_with_is_refused(
    conn: db.Connection,
    site: Site,
    now: datetime,
    tamper: Callable[[registry.Version], registry.Version],
    words: str,
    promote: Callable[[int], registry.Version],
) -> None:
    promote(keep(conn, site, now, QUARTERS))
    version = registry.champion(conn, site.id, "it_power")
    assert version is not None
    assert registry.load(version).task == QUARTERS
    with pytest.raises(InputError, match=words):
        registry.load(tamper(version))


def test_the_commit_is_read_from_gits_own_files(tmp_path: Path) -> None:
    assert provenance.commit(tmp_path) == "unknown"
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert provenance.commit(tmp_path) == "unknown"
    (git / "packed-refs").write_text(
        "# pack-refs with: peeled\naaaa refs/heads/other\nbbbb refs/heads/main\n"
    )
    assert provenance.commit(tmp_path) == "bbbb"
    (git / "refs" / "heads" / "main").write_text("cccc\n")
    assert provenance.commit(tmp_path) == "cccc"
    apart, own = tmp_path / "apart", git / "worktrees" / "apart"
    own.mkdir(parents=True)
    apart.mkdir()
    (own / "HEAD").write_text("ref: refs/heads/other\n")
    (own / "commondir").write_text("../..\n")
    (apart / ".git").write_text(f"gitdir: {own}\n")
    assert provenance.commit(apart) == "aaaa"
    (own / "HEAD").write_text("dddd\n")
    assert provenance.commit(apart) == "dddd"


def test_provenance_names_the_libraries() -> None:
    assert set(provenance.provenance()["libraries"]) == set(provenance.LIBRARIES)

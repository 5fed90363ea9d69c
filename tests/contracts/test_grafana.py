"""What other tools read: every query of the guide and of the dashboard runs, by a role that may only read."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from psycopg.rows import dict_row

from core import db
from ingest.storage import register_site

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))
import seed  # lies beside the tests of the pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.site import Site

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "grafana.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana" / "joulecast.json").read_text(encoding="utf-8"))
VARIABLES = {entry["name"]: entry for entry in DASHBOARD["templating"]["list"]}
VALUES = {"site": "demo", "point": "pdu/it_power", "model": "lstm", "datasource": ""}
COLUMNS = 24
PASSWORD = "choose one"  # noqa: S105  # as in the guide
Rows = list[dict[str, Any]]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def filled(query: str) -> str:
    """As Grafana fills a query in for the last 24 hours."""
    start, end = "(now() - interval '24 hours')", "now()"
    found = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN {start} AND {end}", query)
    found = found.replace("$__timeFrom()", start).replace("$__timeTo()", end).replace("$__interval", "2m")
    for name, value in VALUES.items():
        found = found.replace(f"${name}", value).replace(f"${{{name}}}", value)
    assert "$" not in found
    return found


@pytest.fixture
def ask(any_dsn: str, site: Site) -> Iterator[Callable[[str], Rows]]:
    """Asks a seeded database as the role of the guide."""
    now = datetime.now(UTC)
    seed.everything(any_dsn, site, now, timedelta(hours=26), timedelta(minutes=5))
    name = f"grafana_{any_dsn.rpartition('joulecast_test_')[2].split()[0]}"
    (admin,) = blocks("sql-admin")
    with db.connect(any_dsn) as conn:
        register_site(conn, site, now)
        seed.alarm(conn, site, "forecast.drift.it_power.900", now)
        conn.execute(admin.replace("grafana", name).encode())
    with psycopg.connect(any_dsn, user=name, password=PASSWORD, row_factory=dict_row) as conn:
        yield lambda query: conn.execute(query.encode()).fetchall()
    with db.connect(any_dsn) as conn:
        conn.execute(f'DROP OWNED BY "{name}"'.encode())
        conn.execute(f'DROP ROLE "{name}"'.encode())


def targets() -> list[tuple[str, dict[str, Any]]]:
    of_panels = [(panel["title"], target) for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return of_panels + [(entry["name"], entry["target"]) for entry in DASHBOARD["annotations"]["list"]]


def test_every_query_runs_and_finds_something(ask: Callable[[str], Rows]) -> None:
    documented = blocks("sql")
    assert len(documented) == 7
    for query in documented:
        assert ask(query), query
    for name in ("site", "point", "model"):
        assert VALUES[name] in {
            str(next(iter(row.values()))) for row in ask(filled(VARIABLES[name]["query"]))
        }
    for title, target in targets():
        rows = ask(filled(target["rawSql"]))
        assert rows, title
        assert "time" in rows[0], title
        if target["format"] == "time_series":
            numbers = [value for name, value in rows[0].items() if name != "time"]
            assert numbers
            assert all(isinstance(value, float) for value in numbers), title
            assert rows == sorted(rows, key=lambda row: row["time"])


def test_figures_are_those_of_the_readings(ask: Callable[[str], Rows], site: Site) -> None:
    (found,) = ask(filled(DASHBOARD["panels"][1]["targets"][0]["rawSql"]))
    assert found["PUE"] == pytest.approx(1.26, abs=0.02)  # 1.055 + 0.0875·2 + ... as the seed writes it
    rows = ask(
        filled("SELECT * FROM joulecast.site_power('$site', interval '5 minutes', $__timeFrom(), now())")
    )
    assert len(rows) >= 280
    cooling = sum(seed.SHARES[name] * len(getattr(site.meters, name)) for name in seed.SHARES)
    for row in rows:
        assert row["cooling_w"] == pytest.approx(row["it_w"] * cooling, rel=0.04)
        assert row["facility_w"] == pytest.approx(row["it_w"] * 1.055 + row["cooling_w"] + 9000)
        assert row["power_ratio"] == pytest.approx(row["facility_w"] / row["it_w"])


def test_a_sum_lacks_no_part(any_dsn: str, site: Site) -> None:
    now = datetime.now(UTC)
    with db.connect(any_dsn) as conn:
        register_site(conn, site, now)
        seed.readings(conn, site, now - timedelta(hours=1), now, timedelta(minutes=5))
        conn.execute("UPDATE point SET asset_id = 'elsewhere' WHERE asset_id = 'chiller-2'")
        rows = conn.execute(
            "SELECT * FROM site_power('demo', interval '5 minutes', now() - interval '1 hour', now())"
        ).fetchall()
    assert rows
    assert {row["cooling_w"] for row in rows} == {None}
    assert None not in {row["facility_w"] for row in rows}


def test_the_role_sees_no_more_than_it_needs(ask: Callable[[str], Rows]) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        ask("UPDATE joulecast.site SET name = 'x'")


def test_the_role_does_not_see_people(ask: Callable[[str], Rows]) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask("SELECT * FROM joulecast.app_user")


def test_the_dashboard_has_the_form_that_grafana_loads() -> None:
    assert (DASHBOARD["id"], DASHBOARD["uid"]) == (None, None)
    assert DASHBOARD["schemaVersion"] >= 36
    assert VARIABLES["datasource"]["type"] == "datasource"
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["type"] in {"stat", "timeseries", "table"}
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert target["format"] in {"time_series", "table"}
            assert target["rawQuery"] is True
    assert "http" not in json.dumps(DASHBOARD)


def test_the_provisioning_is_yaml_of_two_files() -> None:
    sources, boards = yaml.safe_load_all((DOCS / "grafana" / "provisioning.yaml").read_text(encoding="utf-8"))
    assert sources["datasources"][0]["type"] == "grafana-postgresql-datasource"
    assert boards["providers"][0]["type"] == "file"

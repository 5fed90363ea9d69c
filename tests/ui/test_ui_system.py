"""The System page without a browser."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from looking import seen
from plotly.utils import PlotlyJSONEncoder

from core import db
from ui.pages.status import PAGE

if TYPE_CHECKING:
    from dash import Dash

    from core.clock import ManualClock
    from core.jobs import Context
    from ui.data import Source


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_services_say_when_they_were_heard_and_what_fails(
    source: Source, context: Context, clock: ManualClock
) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute("UPDATE job_run SET state = 'failed' WHERE job = 'twin.advise'")
        conn.execute("INSERT INTO edge_status VALUES ('demo', 'plant', false, %s, '{}')", (clock.now(),))
    found = seen(source, PAGE)["status-services", "children"]
    lines = [[cell.children for cell in row.children] for row in found.children.children[1].children]
    assert [line[0] for line in lines] == ["ingest", "forecast", "twin", "gateway plant"]
    assert (lines[0][3], lines[0][4]) == ("never", "no sign of it yet")
    assert (lines[1][3], lines[1][4]) == ("96 s", "works")
    assert lines[2][4].children == "▲ twin.advise failed"
    assert lines[3][4].children == "▲ has said goodbye"


def test_what_waits_and_the_versions_are_said(source: Source, context: Context) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute(
            "INSERT INTO rollup_dirty (from_minute, to_minute)"
            " VALUES ('2026-03-02T10:00Z', '2026-03-02T10:07Z')"
        )
    found = seen(source, PAGE)
    waits = text(found["status-waiting", "children"])
    assert "7 min" in waits
    assert "0 s old" in waits
    stored = text(found["status-storage", "children"])
    for said in ("Schema", "PostgreSQL", "not there", "GiB free", "0.1.0"):
        assert said in stored


def test_messages_that_reached_nobody_are_counted(source: Source, context: Context) -> None:
    def said() -> str:
        return text(seen(source, PAGE)["status-waiting", "children"])

    put = (
        "INSERT INTO notification (site_id, kind, of, channel, message, state, created_at, next_at)"
        " VALUES (%s, 'alarm', %s, 'email', '{}', %s, %s, %s)"
    )
    with db.connect(context.dsn, autocommit=True) as conn:
        now = context.clock.now()
        for number, (state, days) in enumerate([("waiting", 0), ("sending", 0), ("sent", 0), ("failed", 8)]):
            at = now - timedelta(days=days)
            conn.execute(put, (context.site.id, number, state, at, at))
        assert "2 wait" in said()
        assert "given up" not in said()
        conn.execute(put, (context.site.id, 9, "failed", now, now))
        assert "▲ 2 wait, 1 given up in 7 days" in said()


def test_an_empty_database_is_explained(empty_source: Source) -> None:
    found = seen(empty_source, PAGE)
    assert "No job has run yet" in text(found["status-jobs", "children"])
    assert "no sign of it yet" in text(found["status-services", "children"])
    assert "none yet" in text(found["status-waiting", "children"])


def test_the_old_address_leads_to_the_page(app: Dash) -> None:
    client = app.server.test_client()
    for asked, leads in (("/status", "/system"), ("/status?tz=UTC", "/system?tz=UTC")):
        found = client.get(asked)
        assert (found.status_code, found.headers["Location"]) == (302, leads)

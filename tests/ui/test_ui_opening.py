"""A page opens with its values in it; the next poll brings only what is new."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import looking
import pytest
import seed
from dash import html

from core import db
from core.errors import JoulecastError
from core.jobs import Context
from core.settings import Settings
from ui import pages, poll, shell, view
from ui.data.source import POOL_WAIT_S, open_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dash import Dash

    from core.clock import ManualClock
    from core.site import Site
    from ui.data import Source

HOST = "http://localhost"


def asked(app: Dash, output: str, outputs: list[Any], inputs: list[Any], state: list[Any]) -> dict[str, Any]:
    body = {
        "output": output,
        "outputs": [dict(zip(("id", "property"), of.split("."), strict=True)) for of in outputs],
        "inputs": inputs,
        "state": state,
        "changedPropIds": [f"{inputs[0]['id']}.{inputs[0]['property']}"],
    }
    found = app.server.test_client().post("/_dash-update-component", json=body, headers={"Origin": HOST})
    assert found.status_code == 200
    return dict(found.get_json())


def data(name: str, value: Any, prop: str = "data") -> dict[str, Any]:
    return {"id": name, "property": prop, "value": value}


def opened(app: Dash, path: str) -> dict[str, Any]:
    """What the browser gets when it looks at a page."""
    output = next(key for key in app.callback_map if "page.children" in key and "page-key.data" in key)
    outputs = output.strip(".").split("...")
    where = data("view", {"path": path, "search": ""})
    return asked(app, output, outputs, [where], [data("page-key", None), where])["response"]


def told(app: Dash, key: Any, seen: Any) -> dict[str, Any]:
    """What the next poll brings."""
    where = data("view", {"path": key["path"], "search": ""})
    inputs = [data("tick", 1, "n_intervals"), data("page-key", key), where]
    output = "..beat.data...seen.data.."
    return asked(app, output, ["beat.data", "seen.data"], inputs, [data("seen", seen), where])


def elements(part: Any) -> dict[str, Any]:
    """By id, what a layout says of each element."""
    if isinstance(part, list):
        return {name: props for child in part for name, props in elements(child).items()}
    if not isinstance(part, dict):
        return {}
    props = part.get("props", {})
    mine = {props["id"]: props} if isinstance(props.get("id"), str) else {}
    return {**mine, **elements(props.get("children"))}


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    "page", [page for page in pages.PAGES if page.permission == "view"], ids=lambda p: p.path
)
def test_what_came_with_a_page_does_not_come_again(app: Dash, page: Any) -> None:
    found = opened(app, page.path)
    there = elements(found["page"]["children"])
    seen = next(value["data"] for name, value in found.items() if name.startswith("seen"))
    assert all(of.rpartition(".")[0] in there for of in seen["of"])
    later = told(app, found["page-key"]["data"], seen).get("sideUpdate", {})
    assert not [name for name in later if any(of.startswith(f"{name}.") for of in seen["of"])]
    assert "data-age" in later, "the header is no part of the page"


def test_the_figures_are_there_when_the_page_is(app: Dash, seeded: seed.Seeded) -> None:
    del seeded
    there = elements(opened(app, "/")["page"]["children"])
    assert there["kpi-it-power"]["children"][1]["props"]["children"] == "kW"
    assert there["overview-chart"]["figure"]["data"]


def test_a_reading_that_comes_later_comes_with_the_poll(
    app: Dash, seeded: seed.Seeded, context: Context, site: Site, clock: ManualClock
) -> None:
    del seeded
    found = opened(app, "/")
    seen = next(value["data"] for name, value in found.items() if name.startswith("seen"))
    clock.advance(timedelta(seconds=5))
    with db.connect(context.dsn) as conn:
        for ref in site.meters.it:
            seed.one_reading(conn, site, ref, clock.now(), 1000.0 * 777)
    later = told(app, found["page-key"]["data"], seen)["sideUpdate"]
    assert later["kpi-it-power"]["children"][0] == "777"


@pytest.fixture
def away(site: Site, clock: ManualClock) -> Iterator[Source]:
    """Where no database has been from the start."""
    dsn = "postgresql://nobody@127.0.0.1:1/none"
    found = open_source(Context(Settings(dsn=dsn), site, clock, dsn))
    yield found
    found.close()


def shown(part: Any) -> str:
    """What is read in a live element: text or the sentence in a chart; a dash is none."""
    figure = getattr(part, "figure", None) or {"layout": {}}
    notes = " ".join(note["text"] for note in figure["layout"].get("annotations", ()))
    return (looking.text(getattr(part, "children", None)) + notes).strip("— ")


DRAWN = {"/racks": "racks-floor-failed", "/cooling": "cooling-plan-failed", "/quality": "quality-grid-failed"}
"""What stands in for that which the browser draws."""


WHOLE = {"/forecast", "/replay", "/reports", "/whatif"}
"""Pages whose parts are known from the database alone: all of the page says it."""
ROOM = {"children", "figure", "rowData"}
"""Properties that a reader sees."""


def fails(make: Any) -> bool:
    try:
        make()
    except JoulecastError:
        return True
    return False


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda p: p.path)
def test_without_a_database_every_panel_says_so(away: Source, page: Any) -> None:
    started_s = time.monotonic()
    role = "admin" if page.permission == "users.manage" else "engineer"
    with looking.acting(role=role), view.use(view.parse("", away.context.site, page.keys)):
        content = html.Div(shell.content_of(away, page, page.path))
        poll.fill(away, page, content)
    assert time.monotonic() - started_s < POOL_WAIT_S + 5, "one wait for the database is enough"
    if "This page cannot be shown: the database did not answer" in looking.text(content):
        assert page.path in WHOLE
        return
    with looking.acting(role=role):
        alive = {of for (of, prop), make in page.live(away).items() if prop in ROOM and fails(make)}
    assert DRAWN.get(page.path, "") in {"", *alive}
    parts = [part for part in content._traverse() if hasattr(part, "className")]
    for panel in parts:
        if {"panel", "tile"} & set(str(panel.className).split()):
            inside = [p for p in panel._traverse() if str(getattr(p, "id", "")) in alive]
            assert not inside or any(map(shown, inside)), looking.text(panel)


def test_without_a_database_the_header_keeps_its_size(away: Source) -> None:
    with view.use(view.parse("", away.context.site)):
        found = {
            one.element: looking.text(one.value) for one in poll.made(away, None) if one.prop == "children"
        }
    assert (found["authority"], found["alarm-head"]) == ("ADVICE NOT KNOWN", "alarms not known")

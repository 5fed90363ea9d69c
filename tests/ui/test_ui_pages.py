"""Pages, callbacks' functions, headers and guards, without a browser."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import seed
from dash import dcc
from plotly.utils import PlotlyJSONEncoder

from core.actions import Setpoint
from ui import actions
from ui.__main__ import check_port
from ui.access import auth, guard
from ui.components import plant, tiles
from ui.components.graph import GRAPH_CONFIG
from ui.data import live as live_data
from ui.data.replay import FACILITY, lines
from ui.data.shown import Kind, Shown
from ui.pages import PAGES, replay

if TYPE_CHECKING:
    from dash import Dash
    from werkzeug.test import TestResponse

    from core.jobs import Context
    from core.site import Site
    from ui.data import Source
    from ui.page import Page

HOST = "http://localhost"
HOLD_BUTTONS = ("open", "cancel", "confirm")


def as_json(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def graphs(component: Any) -> list[dcc.Graph]:
    found = [component] if isinstance(component, dcc.Graph) else []
    children = component if isinstance(component, list | tuple) else getattr(component, "children", None)
    if isinstance(children, list | tuple):
        return found + [g for child in children for g in graphs(child)]
    return found + (graphs(children) if children is not None and not isinstance(children, str) else [])


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_page_builds_with_and_without_data(page: Page, empty_source: Source, context: Context) -> None:
    empty = page.layout(empty_source)
    seed.everything(context.dsn, context.site, context.clock.now(), timedelta(hours=2))
    for layout in (empty, page.layout(empty_source)):
        assert as_json(layout)
        assert all(found.config == GRAPH_CONFIG for found in graphs(layout))


def test_the_pages_have_the_graphs_they_promise(source: Source) -> None:
    found = {g.id for page in PAGES for g in graphs(page.layout(source))}
    assert found == {
        "overview-chart",
        *(f"energy-{name}" for name in ("pue", "duration", "weather")),
        "cooling-air",
        "cooling-trend",
        "racks-trend",
        *(
            f"forecast-{part}-{target}"
            for part in ("chart", "daily")
            for target in ("it_power", "cooling_power")
        ),
        "replay-chart",
        "quality-trend",
    }


def test_an_inlet_above_the_limit_is_an_alarm_in_words_and_shape(source: Source, site: Site) -> None:
    racks = (live_data.Rack("Rack row 1", Shown(28.4, "degC", Kind.MEASURED)),)
    strip = as_json(plant.rack_strip(racks, site.limits.envelope))
    assert "rack hot" in strip
    assert "▲ 28.4 °C" in strip
    now = live_data.live(source)
    hot = live_data.Rack("Rack row 1", Shown(28.4, "degC", Kind.MEASURED, now.at))
    warned = as_json(tiles.inlet_sub(source, live_data.Live(**{**_fields(now), "worst": hot})))
    assert "1.4 K above 27 °C" in warned


def _fields(found: live_data.Live) -> dict[str, Any]:
    return {name: getattr(found, name) for name in live_data.Live.__dataclass_fields__}


def test_operator_names() -> None:
    assert actions.actor_problem("Ann O'Hara-Łukasz, shift 2") == ""
    assert actions.actor_problem("x" * 61)


def test_setpoints_outside_the_sites_limits_are_refused_before_the_twin_is_asked(source: Source) -> None:
    said = replay.run_of(source, "2026-03-01", {Setpoint.SUPPLY_AIR_TEMPERATURE: 40})
    assert said == "Supply air temperature 40.0 °C is outside this site's limits, 18 to 26 °C."
    assert "as numbers" in str(replay.run_of(source, "yesterday", {}))
    assert "as numbers" in str(replay.run_of(source, "2026-03-01", {Setpoint.SUPPLY_AIR_TEMPERATURE: "warm"}))


def test_a_replay_without_a_calibration_says_so(source: Source) -> None:
    pytest.importorskip("twin.replay")
    assert "not been calibrated" in replay.shown(source, "2026-03-01", {})[-1]
    assert "past day" in str(replay.run_of(source, "2027-01-01", {}))


def test_load_to_move_takes_a_power_and_two_hours(source: Source) -> None:
    assert replay.shift_kw(["", None, ""]) == ()
    moved = replay.shift_kw([30, 18, 2])
    assert isinstance(moved, tuple)
    assert (moved[18], moved[2], sum(moved), len(moved)) == (-30, 30, 0, 24)
    for fields in ([30, None, 2], [30, 2, 2], [-5, 1, 2], [30, 1, 24], [30, 1.5, 2], ["much", 1, 2]):
        problem = replay.shift_kw(fields)
        assert isinstance(problem, str)
        assert replay.run_of(source, "2026-03-01", {}, fields) == problem


def test_energy_lines_add_up() -> None:
    found = lines(
        {"it_kw": 100.0, "chiller_kw": 20.0, "pump_kw": 5.0, "facility_kw": 140.0, "cooling_kw": 25.0}
    )
    whole = found.pop(FACILITY)
    assert sum(v for v in found.values() if v is not None) == whole == 140
    assert found["Tower fans"] is None


def test_the_difference_is_said_in_words() -> None:
    assert "saved 100 kWh (80 to 120 kWh" in replay.difference((-120, -100, -80))
    assert "cost 100 kWh (80 to 120 kWh" in replay.difference((80, 100, 120))
    assert "no certain difference: −4 kWh (−17 to 9 kWh" in replay.difference((-17, -4, 9))


def post(app: Dash, **headers: str) -> TestResponse:
    return app.server.test_client().post("/_dash-update-component", json={}, headers=headers)


def test_headers_on_every_answer(app: Dash) -> None:
    client = app.server.test_client()
    for path in ("/", "/healthz", "/assets/joulecast.js", "/_dash-layout"):
        found = client.get(path)
        assert found.status_code == 200
        policy = found.headers["Content-Security-Policy"]
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy.split("style-src")[0]
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["X-Frame-Options"] == "DENY"
        found.close()


def test_a_post_from_elsewhere_is_refused(app: Dash) -> None:
    assert post(app).status_code == 403
    assert post(app, Origin="http://evil.example").status_code == 403
    assert post(app, Origin=HOST, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert guard.same_origin("http://localhost:8050", "same-origin", "localhost:8050")


def test_no_debugging_and_no_remote_control(app: Dash) -> None:
    assert not app.server.debug
    found = app.server.test_client().get("/_mcp")
    assert "jsonrpc" not in found.get_data(as_text=True)


def test_the_page_names_only_local_files(app: Dash) -> None:
    text = app.server.test_client().get("/").get_data(as_text=True)
    assert "https://" not in text
    assert 'lang="en"' in text


def test_health_and_live_for_machines(app: Dash) -> None:
    client = app.server.test_client()
    assert client.get("/healthz").get_data(as_text=True) == "ui ok\n"
    found = client.get("/api/live").get_json()
    assert found["power_ratio"]["value"] is None
    assert "no reading yet" in found["power_ratio"]["reason"]


def test_every_callback_says_which_permission_it_takes(app: Dash) -> None:
    ids = [key for key, of in app.callback_map.items() if "callback" in of]
    assert len(ids) >= len(PAGES)
    for key in ids:
        assert app.callback_map[key]["callback"].permission in auth.PERMISSIONS, key


def test_a_callback_refuses_who_may_not(app: Dash) -> None:
    key = next(key for key, of in app.callback_map.items() if "hold-dialog" in key)
    outputs = [of.split(".") for of in key.strip(".").split("...")]
    asked = {
        "output": key,
        "outputs": [{"id": id_, "property": prop} for id_, prop in outputs],
        "inputs": [{"id": f"hold-{name}", "property": "n_clicks", "value": 1} for name in HOLD_BUTTONS],
        "state": [
            {"id": id_, "property": prop, "value": None}
            for id_, prop in (
                ("hold-open", "children"),
                ("hold-reason", "value"),
                ("hold-asked", "data"),
                ("view", "data"),
            )
        ],
        "changedPropIds": ["hold-open.n_clicks"],
    }
    found = app.server.test_client().post("/_dash-update-component", json=asked, headers={"Origin": HOST})
    assert found.status_code == 401


def test_a_busy_port_is_one_sentence() -> None:
    import socket  # noqa: PLC0415  # this test alone

    from core.errors import InputError  # noqa: PLC0415  # this test alone

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"address 127.0.0.1:{port}.*JOULECAST_UI_PORT"):
            check_port("127.0.0.1", port, tries=1)

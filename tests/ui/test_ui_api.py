"""``/api/v1``: every route answers as the OpenAPI document says, and nonsense never breaks it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import people
import pytest
import seed
from flask import g, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import audit, db
from ui import app as ui_app
from ui.access import accounts, auth, guard
from ui.api import v1
from ui.api.read import ROWS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from core.clock import ManualClock
    from core.jobs import Context
    from core.site import Site

ORIGIN = {"Origin": "http://localhost"}


@dataclass
class Api:
    """The application as a program sees it; `who` sends the requests."""

    client: Any
    document: dict[str, Any]
    who: auth.User = auth.GUEST

    def get(self, path: str, **query: Any) -> TestResponse:
        names = {name.rstrip("_"): value for name, value in query.items()}
        found: TestResponse = self.client.get(f"/api/v1{path}", query_string=names)
        return found

    def post(self, path: str, body: Any) -> TestResponse:
        found: TestResponse = self.client.post(f"/api/v1{path}", json=body, headers=ORIGIN)
        return found

    def check(self, response: TestResponse, path: str, method: str = "get") -> Any:
        """The answer, validated against the document."""
        said = self.document["paths"][path][method]["responses"][str(response.status_code)]["content"]
        schema = said[response.mimetype]["schema"]
        whole = schema | {"components": self.document["components"]}
        jsonschema.Draft202012Validator(whole).validate(response.get_json(force=True))
        return response.get_json(force=True)


@pytest.fixture
def api(context: Context) -> Iterator[Api]:
    app = ui_app.create_app(context)
    found = Api(app.server.test_client(), {})

    def sign_in() -> None:
        if request.path.startswith("/api/"):
            g.joulecast_user = found.who

    app.server.before_request(sign_in)
    found.document = found.client.get("/api/v1/openapi.json").get_json()
    yield found
    ui_app.close(app)


@pytest.fixture
def full(api: Api, seeded: seed.Seeded, context: Context, site: Site, clock: ManualClock) -> Api:
    """On a database with everything in it."""
    del seeded
    with db.connect(context.dsn) as conn:
        seed.forecaster(conn, site, clock.now())
        seed.alarm(conn, site, "forecast.drift.it_power.900", clock.now())
    return api


def gets(document: dict[str, Any]) -> list[str]:
    return [path for path, operations in document["paths"].items() if "get" in operations]


def test_the_document_is_openapi_and_names_every_route(api: Api) -> None:
    assert api.document["openapi"] == "3.1.0"
    there = {
        (path, method.upper()) for path, operations in api.document["paths"].items() for method in operations
    }
    assert there == {(route.path, route.method) for route in v1.ROUTES}
    rules = {rule.rule for rule in api.client.application.url_map.iter_rules()}
    assert {route.rule for route in v1.ROUTES} <= rules
    for schema in api.document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert "$defs" not in json.dumps(api.document)


def test_the_guide_names_every_route_with_its_permission() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8").splitlines()
    for route in v1.ROUTES:
        (line,) = [text for text in lines if text.startswith(f"| {route.method} `{route.path}` |")]
        assert line.endswith(f"| `{route.permission}` |")


def test_every_get_answers_as_the_document_says_with_and_without_data(full: Api) -> None:
    extra = {"/series": {"name": "it_power"}}
    for path in gets(full.document):
        found = full.get(path, **extra.get(path, {}))
        assert found.status_code == 200, found.get_data(as_text=True)
        assert found.headers["Cache-Control"] == "no-store"
        full.check(found, path)


def test_an_empty_database_gives_reasons_in_place_of_numbers(api: Api) -> None:
    kpis = {kpi["name"]: kpi for kpi in api.check(api.get("/kpis"), "/kpis")["kpis"]}
    assert kpis["power_ratio"]["value"] is None
    assert "no reading yet" in kpis["power_ratio"]["reason"]
    assert kpis["pue_24h"]["reason"] == "nothing was measured in this period"
    for path, query in (("/series", {"name": "it_power"}), ("/forecasts", {})):
        found = api.get(path, **query)
        assert found.status_code == 404
        assert found.mimetype == "application/problem+json"
        problem = api.check(found, path)
        assert (problem["status"], problem["title"], problem["type"]) == (404, "Not Found", "about:blank")


def test_figures_have_unit_kind_and_time(full: Api, clock: ManualClock) -> None:
    kpis = {kpi["name"]: kpi for kpi in full.get("/kpis").get_json()["kpis"]}
    power = kpis["it_power"]
    assert power["value"] == pytest.approx(seed.it_w(clock.now()))
    assert (power["unit"], power["kind"], power["time"]) == ("W", "measured", "2026-03-02T12:00:00Z")
    assert kpis["it_power_peak_24h"]["kind"] == "forecast"
    assert kpis["it_power_peak_24h"]["low"] < kpis["it_power_peak_24h"]["value"]
    assert kpis["worst_inlet"]["about"] == "Rack row 8"
    points = {point["ref"]: point for point in full.get("/points").get_json()["points"]}
    assert points["hall/supply_air_temperature_setpoint"]["role"] == "setpoint"
    assert points["gpu-node-01/power"]["verdict"] == "never heard"


def test_series_are_means_over_equal_steps(full: Api, context: Context, clock: ManualClock) -> None:
    start, end = "2026-03-02T10:00Z", "2026-03-02T11:00:00+00:00"
    with db.connect(context.dsn) as conn:
        conn.execute("DELETE FROM reading WHERE time >= '2026-03-02T10:30Z' AND time < '2026-03-02T10:45Z'")
    query = {"points": "pdu/it_power, hall/supply_air_temperature", "from": start, "to": end, "step": "15m"}
    found = full.check(full.get("/series", **query), "/series")
    assert found["times"][1] == "2026-03-02T10:15:00Z"
    power, air = found["series"]
    expected = [seed.it_w(clock.now() - timedelta(minutes=120 - n)) for n in range(15)]
    assert power["values"][0] == pytest.approx(sum(expected) / 15)
    assert power["values"][2] is None
    assert (air["unit"], air["values"][0]) == ("degC", pytest.approx(20.4))
    text = full.get("/series", **query, format="csv")
    assert text.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(text.get_data(as_text=True), newline="")))
    assert rows[0] == ["time_utc", "pdu/it_power [W]", "hall/supply_air_temperature [degC]"]
    assert float(rows[1][1]) == power["values"][0]
    assert rows[3] == ["2026-03-02T10:30:00Z", "", ""]
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({}, 400, "both or neither"),
        ({"points": "pdu/it_power", "name": "it_power"}, 400, "both or neither"),
        ({"points": "pdu/colour"}, 400, "catalogue"),
        ({"points": ",".join(["pdu/it_power"] * 21)}, 400, "at most 20"),
        ({"points": "moon/power"}, 404, "No reading yet of moon/power"),
        ({"name": "tea"}, 400, "facility_power, it_power, cooling_power, gpu"),
        ({"name": "it_power", "from": "yesterday"}, 400, "ISO 8601"),
        ({"name": "it_power", "from": "0001-01-01T00:00+23:59"}, 400, "ISO 8601"),
        ({"name": "it_power", "to": "9999-12-31T23:59-12:00"}, 400, "ISO 8601"),
        ({"name": "it_power", "from": "2026-03-02", "to": "2026-03-01"}, 400, "a time before to"),
        ({"name": "it_power", "from": "2016-03-02", "to": "2026-03-02"}, 400, f"at most {ROWS_MAX}"),
        ({"name": "it_power", "from": "2000-01-01", "step": "86399s"}, 400, "whole minutes"),
        ({"name": "it_power", "from": "2026-02-20", "step": "1801s"}, 400, "whole minutes"),
        ({"name": "it_power", "step": "0m"}, 422, "step"),
        ({"name": "it_power", "format": "xml"}, 422, "format"),
        ({"name": "it_power", "colour": "red"}, 422, "colour is no parameter here"),
        ({"name": ["it_power", "cooling_power"]}, 422, "more than once"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_sentence(
    full: Api, query: dict[str, Any], status: int, said: str
) -> None:
    found = full.get("/series", **query)
    assert found.status_code == status
    problem = full.check(found, "/series")
    assert said in problem["detail"]
    assert problem["status"] == status


def test_forecasts_by_target_and_grid(full: Api) -> None:
    found = full.check(full.get("/forecasts", target="cooling_power", grid="1h"), "/forecasts")
    assert (found["step_s"], len(found["steps"]), found["unit"], found["kind"]) == (
        3600,
        168,
        "W",
        "forecast",
    )
    step = found["steps"][0]
    assert step["q05"] < step["q50"] < step["q95"]
    assert "it_power, cooling_power" in full.get("/forecasts", target="tea").get_json()["detail"]


def test_recommendations_are_decided_by_who_may(full: Api, seeded: seed.Seeded) -> None:
    (one,) = full.get("/recommendations", state="proposed").get_json()["recommendations"]
    assert (one["id"], one["saving_kw"]["p50"], one["kind"]) == (seeded.proposed, 8.4, "modelled")
    path, document = f"/recommendations/{one['id']}/reject", "/recommendations/{id}/reject"
    body = {"version": one["version"], "reason": "filters are changed today"}
    for who, status in ((auth.GUEST, 401), (auth.User("Root", auth.Role.ADMIN), 403)):
        full.who = who
        found = full.post(path, body)
        assert found.status_code == status
        full.check(found, document, "post")
    full.who = auth.User("key night-shift", auth.Role.OPERATOR)
    for wrong, status, said in (
        ({**body, "version": one["version"] + 1}, 409, "changed meanwhile"),
        ({"version": one["version"]}, 422, "reason"),
        ({**body, "reason": "a\x00b"}, 422, "a character that cannot be kept"),
        ({**body, "reason": " "}, 422, "Say why"),
        ({**body, "actor": "somebody else"}, 422, "actor is no parameter"),
        ({**body, "version": True}, 422, "version"),
        ([1], 400, "JSON object"),
    ):
        found = full.post(path, wrong)
        assert (found.status_code, said in full.check(found, document, "post")["detail"]) == (status, True)
    found = full.post(path, body)
    assert found.status_code == 200, found.get_data(as_text=True)
    assert full.check(found, document, "post")["id"] == one["id"]
    assert full.get("/recommendations", state="proposed").get_json()["recommendations"] == []
    again = full.post(path, body)
    assert again.status_code == 409
    assert full.post("/recommendations/99999/reject", body).status_code == 404


def test_the_name_of_the_key_goes_on_record(full: Api, seeded: seed.Seeded, context: Context) -> None:
    full.who = auth.User("key night-shift", auth.Role.OPERATOR)
    until = "2026-03-02T13:00:00Z"
    found = full.post(f"/recommendations/{seeded.proposed}/snooze", {"version": 1, "until": until})
    assert found.status_code == 200, found.get_data(as_text=True)
    with db.connect(context.dsn) as conn:
        row = conn.execute("SELECT actor FROM recommendation_event ORDER BY event_id DESC LIMIT 1").fetchone()
    assert row == {"actor": "key night-shift"}
    found = full.post(f"/recommendations/{seeded.proposed}/revert", {"version": 1, "reason": "too warm"})
    assert found.status_code == 409


def test_a_key_is_none_of_two_people(full: Api, seeded: seed.Seeded) -> None:
    source = full.client.application.extensions["joulecast-source"]
    advice = source.context.site.advice.model_copy(update={"two_persons": True})
    source.context = replace(source.context, site=source.context.site.model_copy(update={"advice": advice}))
    path, body = f"/recommendations/{seeded.proposed}/accept", {"version": 1}
    full.who = auth.User("key night-shift", auth.Role.OPERATOR, frozenset({"view", "advice.decide"}))
    found = full.post(path, body)
    assert found.status_code == 409
    said = full.check(found, "/recommendations/{id}/accept", "post")["detail"]
    assert said == "This site wants two people to agree, and a key is none: sign in to accept."
    full.who = auth.User("ann", auth.Role.OPERATOR)
    assert "waits for a second name" in full.post(path, body).get_json()["message"]


def test_every_post_needs_a_permission_and_a_page_or_a_key(api: Api) -> None:
    for path, operations in api.document["paths"].items():
        if "post" in operations:
            where = path.replace("{id}", "1")
            assert api.post(where, {"version": 1}).status_code == 401
            assert api.client.post(f"/api/v1{where}", json={}).status_code == 403  # no Origin
            assert api.get(where).status_code in {404, 405}


def test_what_is_not_there_is_a_problem_and_no_page(api: Api) -> None:
    for path in (
        "",
        "/",
        "/tea",
        "/kpis/extra",
        "/recommendations/x/accept",
        "/recommendations/99999999999/accept",
    ):
        found = api.get(path)
        assert found.status_code in {404, 405}
        assert found.mimetype == "application/problem+json"
    assert api.client.get("/quality").mimetype == "text/html"


def test_a_database_that_is_away_is_said_so(full: Api, context: Context) -> None:
    with db.connect(context.dsn) as conn:
        conn.execute("ALTER TABLE alarm RENAME TO alarm_gone")
    found = full.get("/alarms")
    assert found.status_code == 503
    assert "did not answer" in full.check(found, "/alarms")["detail"]


def test_a_database_that_breaks_off_in_a_decision_is_said_so(
    full: Api, seeded: seed.Seeded, dsn: str
) -> None:
    full.who = auth.User("Ann", auth.Role.OPERATOR)
    seed.breaks_off(dsn, "recommendation_event")
    found = full.post(f"/recommendations/{seeded.proposed}/reject", {"version": 1, "reason": "no"})
    assert found.status_code == 503
    said = full.check(found, "/recommendations/{id}/reject", "post")["detail"]
    assert said == "The database broke off: it may have been done. Look before you try again."


def test_a_key_does_what_its_scopes_allow_and_needs_no_page(context: Context, seeded: seed.Seeded) -> None:
    with db.connect(context.dsn) as conn:
        key = accounts.add_key(conn, people.TESTER, "night-shift", "operator", ["view", "advice.decide"])
    app = ui_app.create_app(context)
    client = app.server.test_client()

    def send(method: str, path: str, key: str, body: Any = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        found: TestResponse = client.open(f"/api/v1{path}", method=method, headers=headers, json=body)
        return found

    assert send("GET", "/kpis", key).status_code == 200
    lacks = send("GET", "/series?name=it_power", key)
    assert lacks.status_code == 403
    said = "The key night-shift has not the scope export; it has advice.decide, view."
    assert lacks.get_json(force=True)["detail"] == said
    path, body = f"/recommendations/{seeded.proposed}/reject", {"version": 1, "reason": "no"}
    for wrong, status in (("", 403), ("jck_wrong", 401), (key + "x", 401)):
        found = send("POST", path, wrong, body)
        assert found.status_code == status
        assert found.mimetype == "application/problem+json"
    assert send("POST", path, key, body).status_code == 200
    with db.connect(context.dsn) as conn:
        (done,) = [entry for entry in audit.listed(conn, audit.Filter(), 9) if entry.what == "advice.reject"]
        accounts.revoke_key(conn, people.TESTER, "night-shift")
    assert (done.actor, done.role) == ("key night-shift", "operator")
    assert send("GET", "/kpis", key).status_code == 401
    with db.connect(context.dsn) as conn:
        key = accounts.add_key(conn, people.TESTER, "hand", "operator", ["advice.decide"])
    live = client.get("/api/live", headers={"Authorization": f"Bearer {key}"})
    assert (live.status_code, live.mimetype) == (403, "application/problem+json")
    ui_app.close(app)


def test_a_key_is_offered_what_some_route_asks_for() -> None:
    assert set(auth.SCOPES) == {route.permission for route in v1.ROUTES}


def test_a_body_that_is_too_large_is_a_problem_of_its_own(api: Api) -> None:
    api.who = auth.User("Ann", auth.Role.OPERATOR)
    found = api.post("/recommendations/1/reject", {"version": 1, "reason": "x" * guard.BODY_MAX_BYTES})
    assert (found.status_code, found.mimetype) == (413, "application/problem+json")


PARAMETERS = ("points", "name", "from", "to", "step", "format", "target", "grid", "state", "limit", "x")
VALUES = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.sampled_from(
        ("pdu/it_power", "it_power", "1s", "99999d", "-1", "1e9", "2026-03-02", "csv", "\x00", "ı")
    ),
    st.datetimes().map(str),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=4), path=st.sampled_from(range(6)))
def test_nonsense_is_answered_and_never_fails(api: Api, query: dict[str, str], path: int) -> None:
    where = gets(api.document)[path]
    found = api.get(where, **query)
    assert found.status_code in {200, 400, 404, 422}, found.get_data(as_text=True)
    if found.mimetype != "text/csv":
        api.check(found, where)


BODIES = st.one_of(
    st.none(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
    st.dictionaries(
        st.sampled_from(("version", "reason", "until", "x")),
        st.one_of(st.none(), st.integers(), st.text(max_size=10), st.floats(), st.booleans()),
        max_size=4,
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES, path=st.sampled_from(("accept", "reject", "snooze", "revert")), number=st.integers(0, 2**40)
)
def test_nonsense_is_not_decided(api: Api, body: Any, path: str, number: int) -> None:
    api.who = auth.User("Ann", auth.Role.ENGINEER)
    found = api.post(f"/recommendations/{number}/{path}", body)
    assert found.status_code in {400, 404, 422}, found.get_data(as_text=True)
    api.check(found, f"/recommendations/{{id}}/{path}", "post")

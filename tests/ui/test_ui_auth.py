"""Who is let in, as whom, for how long; and who is not."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import people
import pytest
from dash import Input, Output
from psycopg import sql

from core import audit, db
from core.errors import InputError
from core.jobs import Context
from core.settings import Settings
from ui import app as ui_app
from ui.access import accounts, auth, guard, login, passwords, sessions
from ui.access.auth import PERMISSIONS, Role, User
from ui.callbacks import callback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dash import Dash
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from core.clock import ManualClock
    from core.site import Site

HOST = people.HOST
COOKIE = "joulecast-session"
Making = "Callable[..., FlaskClient]"


@pytest.fixture
def client_of(dsn: str, site: Site, clock: ManualClock) -> Iterator[Callable[..., FlaskClient]]:
    """Browsers of a console with other settings."""
    opened: list[Dash] = []

    def make(**settings: Any) -> FlaskClient:
        app = ui_app.create_app(Context(Settings(dsn=dsn, **settings), site, clock, dsn))
        opened.append(app)
        return app.server.test_client()

    yield make
    for app in opened:
        ui_app.close(app)


@pytest.fixture
def client(app: Dash) -> FlaskClient:
    return app.server.test_client()


def who(client: FlaskClient) -> str:
    """Who the server takes this browser for, as its sign-out page says."""
    text = client.get("/logout", base_url=HOST).text
    return text.partition("signed in as <b>")[2].partition("</b>")[0]


def change(dsn: str, statement: str, *values: object) -> None:
    with db.connect(dsn) as conn:
        conn.execute(statement, values)


def on_record(dsn: str) -> list[str]:
    with db.connect(dsn) as conn:
        return [f"{e.actor} {e.what} {e.object}" for e in reversed(audit.listed(conn, audit.Filter(), 100))]


# Signing in and out


def test_a_sign_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(
    client: FlaskClient, dsn: str
) -> None:
    people.account(dsn, "ann", "operator")
    answer = people.sign_in(client, " Ann ", wanted="/forecast?range=7d")
    assert (answer.status_code, answer.location) == (303, "/forecast?range=7d")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert who(client) == "ann"


def test_by_https_the_cookie_goes_no_other_way_and_to_no_other_host(client_of: Any, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    answer = people.sign_in(client_of(ui_https=True), "ann")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_the_database_keeps_no_secret_that_could_be_used(client: FlaskClient, dsn: str) -> None:
    password = people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    session = client.get_cookie(COOKIE, domain="localhost")
    assert session is not None
    assert len(session.value) >= 43  # 256 bits
    with db.connect(dsn) as conn:
        tables = (
            sql.SQL("SELECT * FROM {}").format(sql.Identifier(t))
            for t in ("app_user", "app_session", "audit")
        )
        kept = [str(conn.execute(statement).fetchall()) for statement in tables]
    assert "$argon2id$" in kept[0]
    assert not any(secret in text for text in kept for secret in (password, session.value))


def test_a_wrong_password_and_an_unknown_name_read_alike_and_both_cost_a_hash(
    client: FlaskClient, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.account(dsn, "ann", "operator")
    people.account(dsn, "bob", "operator")
    with db.connect(dsn) as conn:
        accounts.disable(conn, people.TESTER, "bob")
    checked: list[str] = []
    verify = passwords._HASHER.verify
    counting = type("Counting", (), {"verify": staticmethod(lambda *a: checked.append(a[0]) or verify(*a))})
    monkeypatch.setattr(passwords, "_HASHER", counting)
    tried = (("ann", "not the password"), ("nobody", people.PASSWORD), ("bob", people.PASSWORD))
    answers = [people.sign_in(client, *pair) for pair in tried]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len({answer.text.replace(name, "") for answer, (name, _) in zip(answers, tried, strict=True)}) == 1
    assert len(checked) == 3
    assert who(client) == ""


def test_after_five_failures_even_the_right_password_waits(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    for _ in range(sessions.ATTEMPTS_MAX):
        assert people.sign_in(client, "ann", "guess guess guess").status_code == 401
    assert people.sign_in(client, "ann").status_code == 429
    assert on_record(dsn).count("ann sign_in.refused user ann") == 1  # once, so that nobody fills the record
    change(dsn, "UPDATE sign_in_attempt SET at = at - interval '15 minutes'")
    assert people.sign_in(client, "ann").status_code == 303


def sign_in_from(client: FlaskClient, address: str, name: str, password: str = people.PASSWORD) -> int:
    fields = {"name": name, "password": password}
    origin = {"Origin": HOST}
    where = {"REMOTE_ADDR": address}
    answer = client.post("/login", base_url=HOST, data=fields, headers=origin, environ_overrides=where)
    return answer.status_code


def failed(dsn: str, name: str, address: str, count: int) -> None:
    """As many sign-ins that have failed."""
    insert = "INSERT INTO sign_in_attempt (user_name, source) SELECT %s, %s FROM generate_series(1, %s)"
    change(dsn, insert, name, address, count)


def test_nobody_locks_somebody_else_out_from_one_address(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    for _ in range(sessions.ATTEMPTS_MAX + 3):
        sign_in_from(client, "10.9.8.7", "ann", "guess guess guess")
    assert sign_in_from(client, "10.9.8.7", "ann") == 429
    assert people.sign_in(client, "ann").status_code == 303


def test_a_name_that_is_guessed_from_everywhere_waits_and_a_new_password_ends_that(
    client: FlaskClient, dsn: str
) -> None:
    people.account(dsn, "ann", "operator")
    for i in range(sessions.ATTEMPTS_OF_MAX // sessions.ATTEMPTS_MAX):
        failed(dsn, "ann", f"10.0.0.{i}", sessions.ATTEMPTS_MAX)
    failed(dsn, "bob", "10.0.1.1", sessions.ATTEMPTS_MAX)
    assert people.sign_in(client, "ann").status_code == 429
    with db.connect(dsn) as conn:
        once = accounts.reset(conn, people.TESTER, "Ann")
        left = conn.execute("SELECT DISTINCT user_name FROM sign_in_attempt").fetchall()
    assert left == [{"user_name": "bob"}]
    assert people.sign_in(client, "ann", once).status_code == 303


def test_an_address_that_guesses_names_waits_too(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    for i in range(sessions.ATTEMPTS_FROM_MAX - 1):
        failed(dsn, f"name{i}", "127.0.0.1", 1)
    assert people.sign_in(client, "bob", "guess guess guess").status_code == 401
    assert people.sign_in(client, "ann").status_code == 429
    assert sign_in_from(client, "10.9.8.7", "ann") == 303
    assert [line for line in on_record(dsn) if "refused" in line] == ["ann sign_in.refused user ann"]


def test_what_a_person_mistyped_is_forgiven_when_they_get_in(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    for _ in range(2):
        for _ in range(sessions.ATTEMPTS_MAX - 1):
            assert people.sign_in(client, "ann", "guess guess guess").status_code == 401
        assert people.sign_in(client, "ann").status_code == 303


def test_many_guesses_at_once_do_not_get_by_the_limit(app: Dash, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    found: list[int] = []

    def guess() -> None:
        found.append(people.sign_in(app.server.test_client(), "ann", "guess guess guess").status_code)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(401) <= sessions.ATTEMPTS_MAX
    assert found.count(401) + found.count(429) == 12


def test_a_sign_in_makes_a_new_session_and_ends_the_one_before(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    first = client.get_cookie(COOKIE, domain="localhost")
    people.sign_in(client, "ann")
    second = client.get_cookie(COOKIE, domain="localhost")
    assert first is not None
    assert second is not None
    assert first.value != second.value
    client.set_cookie(COOKIE, first.value, domain="localhost")
    assert who(client) == ""


def test_signing_out_ends_the_session_on_the_server(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    cookie = client.get_cookie(COOKIE, domain="localhost")
    assert cookie is not None
    assert client.get("/logout", base_url=HOST).status_code == 200  # asks, and does nothing
    assert who(client) == "ann"
    assert people.post(client, "/logout").location == "/login"
    client.set_cookie(COOKIE, cookie.value, domain="localhost")
    assert who(client) == ""
    assert on_record(dsn)[-2:] == ["ann sign_in user ann", "ann sign_out user ann"]


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE app_session SET expires_at = now()",
        "UPDATE app_session SET last_seen_at = now() - interval '12 hours'",
        "UPDATE app_user SET role = 'viewer'",
        "UPDATE app_user SET disabled_at = now()",
        "UPDATE app_user SET password_hash = 'another'",
    ],
)
def test_a_session_ends(client: FlaskClient, dsn: str, end: str) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    assert client.get("/_dash-layout", base_url=HOST).status_code == 200
    script = client.get("/", base_url=HOST).text.partition('<script src="')[2].partition('"')[0]
    assert script.startswith("/_dash-component-suites/")
    change(dsn, end)
    assert client.get("/_dash-layout", base_url=HOST).status_code == 401  # the page says that it is over
    with client.get(script, base_url=HOST) as answer:
        assert answer.status_code == 200  # of a page that is opened anew
    opened = client.get("/", base_url=HOST)
    assert opened.status_code == 200  # guests may look on
    assert opened.headers["Set-Cookie"].startswith(f"{COOKIE}=;")
    assert client.get("/_dash-layout", base_url=HOST).status_code == 200
    assert who(client) == ""


def test_a_session_that_is_used_goes_on_until_its_end(client_of: Any, dsn: str) -> None:
    client = client_of(ui_idle_min=30)
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    change(dsn, "UPDATE app_session SET last_seen_at = now() - interval '29 minutes'")
    assert who(client) == "ann"
    with db.connect(dsn) as conn:
        row = conn.execute(
            "SELECT now() - last_seen_at AS idle, expires_at - created_at AS longest FROM app_session"
        ).fetchone()
    assert row is not None
    assert row["idle"] < timedelta(minutes=1)
    assert row["longest"] == sessions.LONGEST == timedelta(hours=12)
    change(dsn, "UPDATE app_session SET last_seen_at = now() - interval '31 minutes'")
    assert who(client) == ""


def test_a_page_that_lies_open_does_not_keep_a_sign_in(app: Dash, dsn: str) -> None:
    client = app.server.test_client()
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    change(dsn, "UPDATE app_session SET last_seen_at = now() - interval '5 minutes'")

    def unused() -> timedelta:
        with db.connect(dsn) as conn:
            row = conn.execute("SELECT now() - last_seen_at AS idle FROM app_session").fetchone()
        assert row is not None
        found: timedelta = row["idle"]
        return found

    polled = people.send(app, client, "beat.data", "tick.n_intervals", tick=7)
    assert polled.get_json()["response"]["beat"]["data"]["user"] == "ann"
    assert unused() > timedelta(minutes=4)
    people.send(app, client, "hold-dialog.opened", "hold-open.n_clicks")
    assert unused() < timedelta(minutes=1)


@pytest.mark.parametrize(
    "evil",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "evil",
        "",
        "/login?next=//evil.example",
        "/logout",
    ],
)
def test_after_the_sign_in_nobody_is_sent_elsewhere(client: FlaskClient, dsn: str, evil: str) -> None:
    people.account(dsn, "ann", "operator")
    assert people.sign_in(client, "ann", wanted=evil).location == "/"


def test_local_addresses_are_kept() -> None:
    for good in ("/", "/advice?id=7&tz=UTC", "/replay#x", "/a//b", "/forecast?to=2026-03-02T14:20Z"):
        assert login.local(good) == good


def test_what_was_typed_comes_back_as_text(client: FlaskClient) -> None:
    answer = people.sign_in(client, '"><script>x</script>', "guess", "/a'><b>")
    assert "<script>" not in answer.text
    assert "<b>" not in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "script" not in answer.text.replace("&lt;script&gt;", "").replace("&lt;/script&gt;", "")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_form_from_another_site_is_refused(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    fields = {"name": "ann", "password": people.PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {}, {"Origin": HOST, "Sec-Fetch-Site": "cross-site"}):
        answer = client.post("/login", base_url=HOST, data=fields, headers=headers)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


# Passwords


def test_who_has_a_one_time_password_chooses_one_before_anything_else(client: FlaskClient, dsn: str) -> None:
    with db.connect(dsn) as conn:
        once = accounts.add(conn, people.TESTER, "ann", "operator")
    assert people.sign_in(client, "ann", once, "/energy").location == "/password?next=%2Fenergy"
    assert client.get("/energy", base_url=HOST).location == "/password?next=%2Fenergy"
    assert client.get("/_dash-layout", base_url=HOST).status_code == 403
    changed = people.post(
        client, "/password", now=once, wanted="my own long words", again="my own long words", next="/energy"
    )
    assert (changed.status_code, changed.location) == (303, "/energy")
    assert client.get("/energy", base_url=HOST).status_code == 200
    assert who(client) == "ann"
    assert people.sign_in(client, "ann", once).status_code == 401
    assert people.sign_in(client, "ann", "my own long words").location == "/"


def test_a_password_that_was_made_for_somebody_opens_nothing_after_three_days(
    client: FlaskClient, dsn: str
) -> None:
    with db.connect(dsn) as conn:
        once = accounts.add(conn, people.TESTER, "ann", "operator")
    older = "UPDATE app_user SET password_at = now() - %s::interval"
    change(dsn, older, "71 hours")
    assert people.sign_in(client, "ann", once).status_code == 303
    change(dsn, older, "73 hours")
    answer = people.sign_in(client, "ann", once)
    assert answer.status_code == 401
    assert "joulecast user password ann" in answer.text
    assert on_record(dsn)[-1] == "ann sign_in.failed user ann"
    assert "joulecast user password" not in people.sign_in(client, "ann", "guess guess").text
    with db.connect(dsn) as conn:
        once = accounts.reset(conn, people.TESTER, "ann")
    assert people.sign_in(client, "ann", once).status_code == 303
    words = "my own long words"
    people.post(client, "/password", now=once, wanted=words, again=words)
    change(dsn, older, "1 year")
    assert people.sign_in(client, "ann", words).status_code == 303  # their own


@pytest.mark.parametrize(
    ("now", "wanted", "again", "said"),
    [
        (people.PASSWORD, "elevenchars", "elevenchars", "at least 12"),
        (people.PASSWORD, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "more than a few"),
        (people.PASSWORD, "this is ann speaking", "this is ann speaking", "does not hold the name"),
        (people.PASSWORD, "x1y2" * 40, "x1y2" * 40, "at most 128"),
        (people.PASSWORD, "twelve is enough", "twelve is enougH", "not typed the same twice"),
        (people.PASSWORD, people.PASSWORD, people.PASSWORD, "is the old one"),
        ("not my password", "twelve is enough", "twelve is enough", "is another one"),
    ],
)
def test_a_password_that_will_not_do_is_refused_with_the_reason(
    client: FlaskClient, dsn: str, now: str, wanted: str, again: str, said: str
) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    answer = people.post(client, "/password", now=now, wanted=wanted, again=again)
    assert answer.status_code == 400
    assert said in answer.text
    assert people.sign_in(client, "ann").status_code == 303


def test_a_stolen_browser_cannot_guess_the_password(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    fields = {"wanted": "twelve is enough", "again": "twelve is enough"}
    codes = [
        people.post(client, "/password", now=f"guess number {i}", **fields).status_code
        for i in range(sessions.ATTEMPTS_MAX + 1)
    ]
    assert codes == [400] * sessions.ATTEMPTS_MAX + [429]
    kept = on_record(dsn)
    assert kept.count("ann user.password.failed user ann") == sessions.ATTEMPTS_MAX
    assert kept[-1] == "ann sign_in.refused user ann"


def test_choosing_a_password_ends_the_sign_ins_elsewhere(app: Dash, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    here, there = app.server.test_client(), app.server.test_client()
    people.sign_in(here, "ann")
    people.sign_in(there, "ann")
    words = "another good sentence"
    people.post(here, "/password", now=people.PASSWORD, wanted=words, again=words)
    assert (who(here), who(there)) == ("ann", "")


def test_one_time_passwords_are_long_and_never_the_same() -> None:
    made = {passwords.make() for _ in range(200)}
    assert len(made) == 200
    assert all(len(password) == 23 and not passwords.problem(password, "admin") for password in made)


# Names of this server


def status_of(client: FlaskClient, host: str, path: str = "/") -> int:
    return client.get(path, headers={"Host": host}).status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:8050", "127.0.0.1:8050", "[::1]:8050", "LOCALHOST"])
def test_the_loopback_answers_to_its_names(app: Dash, host: str) -> None:
    assert status_of(app.server.test_client(), host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8050", "localhost.evil.example", "127.0.0.1.evil.example", "[::1"]
)
def test_a_name_that_somebody_makes_lead_here_is_refused(app: Dash, host: str) -> None:
    client = app.server.test_client()
    for path in ("/", "/api/v1/kpis", "/_dash-layout", "/login", "/assets/joulecast.css"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 400, path
        assert "set JOULECAST_PUBLIC_URL to where it is reached." in answer.text
    assert status_of(client, host, "/healthz") == 200  # a probe that knows only an address


def test_the_public_name_is_one_of_the_servers(client_of: Any) -> None:
    client = client_of(public_url="https://Plant.example/", ui_host="192.0.2.7", ui_guests="view")
    known = ("plant.example", "192.0.2.7:8050", "127.0.0.1")
    assert [status_of(client, host) for host in known] == [200, 200, 200]
    assert status_of(client, "evil.example") == 400
    everywhere = client_of(public_url="https://plant.example", ui_host="0.0.0.0", ui_guests="view")  # noqa: S104
    assert [status_of(everywhere, host) for host in ("plant.example", "evil.example")] == [200, 400]
    unknown = client_of(ui_host="0.0.0.0", ui_guests="view")  # noqa: S104  # its names are not known
    assert status_of(unknown, "plant.example") == 200


# Guests


def test_guests_look_on_where_the_loopback_is_served_and_nowhere_else() -> None:
    assert Settings().guests_may_view
    assert Settings(ui_host="::1").guests_may_view
    assert not Settings(ui_host="0.0.0.0").guests_may_view  # noqa: S104
    assert not Settings(ui_guests="none").guests_may_view
    assert Settings(ui_host="10.0.0.5", ui_guests="view").guests_may_view


def test_where_guests_see_nothing_every_route_is_closed_but_the_few_that_are_open(client_of: Any) -> None:
    client = client_of(ui_guests="none")
    rules = client.application.url_map.iter_rules()
    paths = {rule.rule.replace("<path:path>", "forecast") for rule in rules if "<" not in rule.rule}
    paths |= {
        "/forecast",
        "/nothing/here",
        "/_dash-component-suites/dash/dcc/dash_core_components.js",
        "/healthzz",
    }
    open_ = {"/healthz", "/_favicon.ico", "/login", "/logout", "/password"}
    for path in sorted(paths):
        answer = client.get(path, base_url=HOST)
        if path in open_:
            assert answer.status_code in {200, 303}, path
        elif path.startswith(("/_", "/api/")):
            assert answer.status_code == 401, path
        else:
            assert answer.status_code == 302, path
            assert answer.location.startswith("/login"), path
    with client.get("/assets/plain.css", base_url=HOST) as answer:
        assert answer.status_code == 200
    posted = client.post("/_dash-update-component", base_url=HOST, json={}, headers={"Origin": HOST})
    assert posted.status_code == 401


def test_who_was_sent_to_the_sign_in_comes_back_to_the_page(client_of: Any, dsn: str) -> None:
    client = client_of(ui_guests="none")
    people.account(dsn, "ann", "viewer")
    sent = client.get("/forecast?range=7d&tz=UTC", base_url=HOST)
    assert sent.location == "/login?next=%2Fforecast%3Frange%3D7d%26tz%3DUTC"
    form = client.get(sent.location, base_url=HOST).text
    assert 'value="/forecast?range=7d&amp;tz=UTC"' in form
    assert (
        people.sign_in(client, "ann", wanted="/forecast?range=7d&tz=UTC").location
        == "/forecast?range=7d&tz=UTC"
    )
    assert client.get("/forecast?range=7d&tz=UTC", base_url=HOST).status_code == 200


def test_a_link_from_elsewhere_is_followed_once_more_so_that_the_cookie_comes_along(client_of: Any) -> None:
    client = client_of(ui_guests="none")
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.get("/recommendations?id=7&x='%22><b>", base_url=HOST, headers=headers)
    assert answer.status_code == 200
    assert 'content="0; url=/recommendations?id=7&amp;x=' in answer.text
    assert "<b>" not in answer.text
    again = client.get("/forecast", base_url=HOST, headers={"Sec-Fetch-Site": "same-origin"})
    assert again.location == "/login?next=%2Fforecast"
    assert client.get("/_dash-layout", base_url=HOST, headers=headers).status_code == 401


def test_without_a_database_nobody_is_let_in(client_of: Any, dsn: str) -> None:
    people.account(dsn, "ann", "admin")
    closed, open_ = client_of(ui_guests="none"), client_of()
    for client in (closed, open_):
        people.sign_in(client, "ann")
        source = client.application.extensions["joulecast-source"]
        source.close()
    assert closed.get("/", base_url=HOST).status_code == 503
    assert closed.get("/_dash-layout", base_url=HOST).status_code == 503
    assert closed.get("/healthz", base_url=HOST).status_code == 200
    assert open_.get("/", base_url=HOST).status_code == 200
    assert who(open_) == ""
    assert people.sign_in(open_, "ann").status_code == 503


def test_while_the_database_is_away_nobody_is_told_that_their_sign_in_is_over(
    client: FlaskClient, dsn: str
) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    change(dsn, "ALTER TABLE app_session RENAME TO gone")
    away = people.press(client, "hold-confirm", "hold-result")
    assert away.status_code == 503
    assert "who asks cannot be found out" in away.text
    assert client.get("/_dash-layout", base_url=HOST).status_code == 200
    stranger = client.application.test_client()
    assert stranger.get("/recommendations", base_url=HOST).status_code == 200
    change(dsn, "ALTER TABLE gone RENAME TO app_session")
    assert who(client) == "ann"


def test_an_address_behind_a_proxy_is_believed_only_where_the_settings_say_so(
    client_of: Any, dsn: str
) -> None:
    for proxies, expected in ((0, "127.0.0.1"), (1, "10.1.2.3")):
        client = client_of(ui_proxies=proxies)
        client.post(
            "/login",
            base_url=HOST,
            data={"name": "eve", "password": "guess"},
            headers={"Origin": HOST, "X-Forwarded-For": "6.6.6.6, 10.1.2.3"},
        )
        with db.connect(dsn) as conn:
            assert audit.listed(conn, audit.Filter(), 1)[0].source == expected


# Roles, permissions, keys


@pytest.mark.parametrize("role", list(Role))
def test_a_callback_answers_whoever_has_its_permission_and_nobody_else(
    app: Dash, dsn: str, role: Role
) -> None:
    source = app.server.extensions["joulecast-source"]
    for permission in PERMISSIONS:
        probe = permission.replace(".", "-")
        callback(app, source, permission, Output(probe, "children"), Input(probe, "n_clicks"))(
            lambda _: "done"
        )
    client = app.server.test_client()
    if role is not Role.GUEST:
        people.account(dsn, "ann", role)
        people.sign_in(client, "ann")
    for permission, roles in PERMISSIONS.items():
        answer = people.press(client, permission.replace(".", "-"))
        if role in roles:
            assert answer.status_code == 200, permission
            assert "done" in answer.text
        else:
            assert answer.status_code == (401 if role is Role.GUEST else 403), permission
            assert "done" not in answer.text


def test_duties_are_apart() -> None:
    admin = User("ann", Role.ADMIN)
    assert [p for p in PERMISSIONS if p.startswith(("advice.", "alarm.", "mapping.")) and admin.may(p)] == []
    assert [role for role in Role if User("x", role).may("users.manage")] == [Role.ADMIN]
    assert not any(
        User("", Role.GUEST).may(p) for p in PERMISSIONS if p not in {"view", "simulate", "export"}
    )
    assert not any(User("x", Role.OPERATOR, must_change=True).may(p) for p in PERMISSIONS)


def test_a_key_may_what_its_scopes_name_and_no_more(app: Dash, dsn: str) -> None:
    source = app.server.extensions["joulecast-source"]
    with db.connect(dsn) as conn:
        secret = accounts.add_key(conn, people.TESTER, "grafana", "operator", ["view", "export"])
    found = auth.key_user(source, f"Bearer {secret}")
    assert found is not None
    assert (found.name, found.role) == ("key grafana", Role.OPERATOR)
    assert {p for p in PERMISSIONS if found.may(p)} == {"view", "export"}
    for header in (
        "",
        secret,
        f"Basic {secret}",
        "Bearer ",
        f"Bearer {secret}x",
        "Bearer jck_",
        "Bearer \x00",
    ):
        assert auth.key_user(source, header) is None
    with db.connect(dsn) as conn:
        accounts.revoke_key(conn, people.TESTER, "grafana")
    assert auth.key_user(source, f"Bearer {secret}") is None


def test_a_program_with_a_key_needs_no_cookie_and_no_origin(client_of: Any, dsn: str) -> None:
    client = client_of(ui_guests="none")
    with db.connect(dsn) as conn:
        secret = accounts.add_key(conn, people.TESTER, "grafana", "viewer", ["view"])

    def get(path: str, header: str) -> TestResponse:
        return client.get(path, base_url=HOST, headers={"Authorization": header})

    assert get("/api/live", f"Bearer {secret}").status_code == 200
    assert get("/api/live", "Bearer jck_wrong").status_code == 401
    assert get("/", f"Bearer {secret}").status_code == 302  # pages are for people
    posted = client.post("/api/v1/none", base_url=HOST, headers={"Authorization": "Bearer jck_wrong"})
    assert posted.status_code == 401
    assert (
        client.post(
            "/_dash-update-component", base_url=HOST, headers={"Authorization": f"Bearer {secret}"}
        ).status_code
        == 403
    )


def test_a_cookie_beside_a_key_does_not_count(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    answer = client.post("/api/v1/none", base_url=HOST, headers={"Authorization": "Bearer jck_wrong"})
    assert answer.status_code == 401


def test_an_empty_header_is_no_key_and_lets_no_other_site_in(client: FlaskClient, dsn: str) -> None:
    people.account(dsn, "ann", "operator")
    people.sign_in(client, "ann")
    headers = {"Authorization": "", "Origin": "https://evil.example"}
    assert client.post("/api/v1/none", base_url=HOST, headers=headers).status_code == 403


# Accounts


def test_the_last_admin_stays(dsn: str) -> None:
    people.account(dsn, "ann", "admin")
    with db.connect(dsn) as conn:
        for act in (
            lambda: accounts.disable(conn, people.TESTER, "ann"),
            lambda: accounts.change_role(conn, people.TESTER, "ann", "viewer"),
        ):
            with pytest.raises(InputError, match="the only admin"):
                act()
        accounts.add(conn, people.TESTER, "bob", "admin")
        accounts.disable(conn, people.TESTER, "ann")
        with pytest.raises(InputError, match="the only admin"):
            accounts.disable(conn, people.TESTER, "bob")


def test_every_change_of_an_account_is_on_record_without_its_secret(dsn: str) -> None:
    with db.connect(dsn) as conn:
        secrets = [accounts.add(conn, people.TESTER, "Ann", "operator", "Ann Example")]
        accounts.change_role(conn, people.TESTER, "ann", "engineer")
        secrets.append(accounts.reset(conn, people.TESTER, "ann"))
        accounts.disable(conn, people.TESTER, "ann")
        secrets.append(accounts.enable(conn, people.TESTER, "ann"))
        secrets.append(accounts.add_key(conn, people.TESTER, "grafana", "viewer", ["view"]))
        accounts.revoke_key(conn, people.TESTER, "grafana")
        kept = str(audit.listed(conn, audit.Filter(), 100))
    assert [line.split(" ", 1)[1] for line in on_record(dsn)] == [
        "user.add user ann",
        "user.role user ann",
        "user.password user ann",
        "user.disable user ann",
        "user.enable user ann",
        "user.password user ann",
        "key.add key grafana",
        "key.revoke key grafana",
    ]
    assert not any(secret in kept for secret in secrets)
    with db.connect(dsn) as conn:
        assert audit.verify(conn).ok


def test_a_change_that_fails_leaves_nothing_on_record(dsn: str) -> None:
    def twice() -> None:
        with db.connect(dsn) as conn:
            accounts.add(conn, people.TESTER, "ann", "operator")
            accounts.add(conn, people.TESTER, "ann", "operator")

    with pytest.raises(InputError, match="is taken"):
        twice()
    assert on_record(dsn) == []


@pytest.mark.parametrize(
    "name", ["", "a", "Ann Example", "-ann", "ann\x00", "a" * 41, "änn", "ann;--", "key/x"]
)
def test_a_name_that_is_none_is_refused(dsn: str, name: str) -> None:
    with db.connect(dsn) as conn, pytest.raises(InputError, match="name: found"):
        accounts.add(conn, people.TESTER, name, "operator")


def test_the_guard_covers_a_path_however_it_is_written(client_of: Any) -> None:
    client = client_of(ui_guests="none")
    for path in (
        "//_dash-layout",
        "/assets/../_dash-layout",
        "/%5Fdash-layout",
        "/./_dash-layout",
        "/login/x",
    ):
        answer = client.get(path, base_url=HOST, follow_redirects=True)
        assert "SIMULATED PLANT" not in answer.text, path
        assert answer.status_code == 401 or "Sign in" in answer.text or answer.status_code == 404, path


def test_same_origin_is_asked_by_address_and_port() -> None:
    assert guard.same_origin("http://localhost:8050", None, "localhost:8050")
    assert not guard.same_origin("http://localhost:8051", None, "localhost:8050")

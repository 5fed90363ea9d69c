"""Alarms and advice reach people by a real mail server, a real web server and a real broker: once each."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import socketserver
import ssl
import subprocess
import threading
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from tests_of_ingest import wait_until

from core import alarms as life
from core import db
from core.errors import InputError
from core.jobs import Context
from core.settings import Settings
from ingest import channels, notify
from ingest.jobs import JOBS
from ingest.mqtt import Address, make_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from core.clock import ManualClock
    from core.site import Site

SECRET = "a shared secret"  # noqa: S105  # of this test alone
PAGES = "https://twin.example.org/console"


class _Smtp(socketserver.StreamRequestHandler):
    """Enough of RFC 5321 for one client."""

    server: Mail

    def handle(self) -> None:
        self._say(220, "here")
        while line := self.rfile.readline().decode().strip():
            match line.split(":")[0].split()[0].upper():
                case "EHLO":
                    offered = ["here", "AUTH PLAIN"]
                    offered += ["STARTTLS"] if self.server.starttls and not self.server.secured else []
                    for word in offered[:-1]:
                        self.wfile.write(f"250-{word}\r\n".encode())
                    self._say(250, offered[-1])
                case "STARTTLS":
                    self._say(220, "go on")
                    assert self.server.tls
                    self.request = self.server.tls.wrap_socket(self.request, server_side=True)
                    self.setup()
                    self.server.secured = True
                case "AUTH":
                    self.server.logins.append(b64decode(line.split()[2]).decode())
                    self._say(235, "welcome")
                case "DATA" if self.server.refuses:
                    self._say(451, "try again later")
                case "DATA":
                    self._say(354, "go on")
                    lines = []
                    while (text := self.rfile.readline()) != b".\r\n":
                        lines.append(text[1:] if text.startswith(b".") else text)
                    self.server.got.append(message_from_bytes(b"".join(lines), policy=policy.default))
                    self._say(250, "taken")
                case "QUIT":
                    self._say(self.server.bye, "bye")
                    return
                case _:
                    self._say(*self.server.answer(line))

    def finish(self) -> None:
        """Close what STARTTLS has put in the place of the connection."""
        super().finish()
        self.request.close()

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


class Mail(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it takes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.got: list[EmailMessage] = []
        self.logins: list[str] = []
        self.refuses = self.starttls = self.secured = False
        self.unknown: list[str] = []
        self.bye = 221
        self.tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[Any, Any]:
        """A connection, encrypted from its start where there is no STARTTLS."""
        connection, address = super().get_request()
        if self.tls and not self.starttls:
            connection = self.tls.wrap_socket(connection, server_side=True)
            self.secured = True
        return connection, address

    def answer(self, line: str) -> tuple[int, str]:
        """What it says to whom somebody writes, and to anything else."""
        unknown = any(address in line for address in self.unknown)
        return (550, "no such mailbox") if unknown else (250, "ok")

    def handle_error(self, *_: Any) -> None:
        """Whoever does not believe our certificate hangs up."""


class _Hook(BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(Posted(dict(self.headers), body))
        self.send_response(self.server.answer)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass
class Posted:
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """Its JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Web(ThreadingHTTPServer):
    """A web server that keeps what is posted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.got: list[Posted] = []
        self.answer = 204


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def mail() -> Iterator[Mail]:
    server = Mail()
    with serving(server):
        yield server


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    with serving(server):
        yield server


@dataclass
class Desk:
    """The service with some channels, and what it does."""

    dsn: str
    site: Site
    clock: ManualClock
    conn: db.Connection
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        settings = Settings(dsn=self.dsn, public_url=PAGES, **self.settings)
        return Context(settings, self.site, self.clock, self.dsn)

    def by_mail(self, mail: Mail) -> None:
        self.settings |= {
            "notify_smtp": f"smtp://127.0.0.1:{mail.server_address[1]}",
            "notify_email_from": "joulecast@example.org",
            "notify_email_to": "ada@example.org, Bo <bo@example.org>",
        }

    def by_hook(self, web: Web) -> None:
        url = f"http://127.0.0.1:{web.server_address[1]}/hook?of=plant"
        self.settings |= {"notify_webhook": url, "notify_webhook_secret": SECRET}

    def run(self) -> str:
        return notify.notify(self.context)

    def raised(self, source: str = "write.broker", priority: int = 2, message: str = "it is down") -> int:
        db.rows(
            self.conn, "twin_raise_alarm", site=self.site.id, source=source, priority=priority,
            message=message, action="See to it", now=self.clock.now(),
        )  # fmt: skip
        row = self.conn.execute("SELECT max(alarm_id) AS number FROM alarm").fetchone()
        assert row
        return int(row["number"])

    def proposed(self) -> int:
        row = self.conn.execute(
            "INSERT INTO recommendation (site_id, state, created_at, expires_at, changes, objective,"
            " saving_p10_kw, saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule)"
            " VALUES (%s, 'proposed', %s, %s, %s, 'facility_energy', 1, 2, 3, '{}', '{}', '[]', '{}')"
            " RETURNING recommendation_id",
            (
                self.site.id,
                self.clock.now(),
                self.clock.now() + timedelta(hours=1),
                db.json([{"setpoint": "supply_air_temperature", "from_c": 20.0, "to_c": 21.0}]),
            ),
        ).fetchone()
        assert row
        number = int(row["recommendation_id"])
        self.happened(number, "proposed", "2.0 kW expected")
        return number

    def happened(self, number: int, state: str, reason: str) -> None:
        self.conn.execute(
            "INSERT INTO recommendation_event (recommendation_id, at, to_state, actor, reason)"
            " VALUES (%s, %s, %s, 'joulecast', %s)",
            (number, self.clock.now(), state, reason),
        )

    def outbox(self) -> list[db.Row]:
        return self.conn.execute("SELECT * FROM notification ORDER BY notification_id").fetchall()


@pytest.fixture
def desk(dsn: str, plant: Site, clock: ManualClock, conn: db.Connection) -> Desk:
    return Desk(dsn, plant, clock, conn)


def test_nothing_set_nothing_sent(desk: Desk) -> None:
    desk.raised()
    assert desk.run() == "no channel is set"
    assert desk.outbox() == []
    assert any(job.name == "ingest.notify" and job.work is notify.notify for job in JOBS)


def test_an_alarm_comes_by_mail_once_with_action_and_link(desk: Desk, mail: Mail) -> None:
    desk.by_mail(mail)
    number = desk.raised("advise.inlet.4", 1, "rack 7 is 3 K\nabove its limit")
    desk.raised("reading.flat.rack-7/inlet", 3, "is flat")
    assert desk.run() == "1 to tell, 1 sent, 0 not sent"
    (got,) = mail.got
    assert got["Subject"] == f"[{desk.site.id}] P1 alarm: rack 7 is 3 K above its limit"
    assert (got["To"], got["From"]) == ("ada@example.org, bo@example.org", "joulecast@example.org")
    text = got.get_content()
    assert f"{PAGES}/alarms?alarm={number}" in text
    assert "Do: See to it" in text
    assert "Within: 5 min; owner: operator" in text
    desk.clock.advance(timedelta(minutes=5))
    assert desk.run() == "0 to tell, 0 sent, 0 not sent"
    assert len(mail.got) == 1


def test_advice_that_is_proposed_and_taken_back_comes_to_the_hook_signed(desk: Desk, web: Web) -> None:
    desk.by_hook(web)
    number = desk.proposed()
    desk.run()
    for state in ("accepted", "precheck", "queued", "sent", "acked", "applied", "reverting", "reverted"):
        desk.conn.execute(
            "SELECT transition(%s, %s, NULL, %s, 'Ada', 'inlet too warm', '{}', %s)",
            (number, state, desk.clock.now(), desk.clock.now() + timedelta(hours=1)),
        )
    desk.run()
    desk.run()
    first, second = web.got
    assert [p.message["kind"] for p in web.got] == ["proposed", "reverted"]
    assert first.message["link"] == f"{PAGES}/recommendations?card={number}"
    assert "supply air temperature 20.0 -> 21.0 °C" in first.message["subject"]
    assert "inlet too warm" in second.message["text"]
    expected = hmac.new(SECRET.encode(), first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Joulecast-Signature"] == f"sha256={expected}"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_a_message_on_the_broker_is_heard_and_not_kept(desk: Desk, broker_url: str) -> None:
    desk.settings |= {"broker": broker_url, "notify_mqtt": True}
    got: list[tuple[str, dict[str, Any], int]] = []
    ready = threading.Event()
    address = Address.parse(broker_url)
    topic = f"joulecast/{desk.site.id}/$notification/#"

    def listener(name: str) -> Any:
        client = make_client(address, f"{name}-{desk.site.id}")
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _c, _u, m: got.append((m.topic, json.loads(m.payload), m.qos))
        client.connect(address.host, address.port, clean_start=True)
        client.loop_start()
        client.subscribe(topic, 1)
        assert ready.wait(10)
        return client

    client = listener("early")
    number = desk.raised()
    desk.run()
    wait_until(lambda: got)
    ready.clear()
    late = listener("late")
    for one in (client, late):
        one.disconnect()
        one.loop_stop()
    ((where, message, qos),) = got
    assert where == f"joulecast/{desk.site.id}/$notification/alarm/{number}"
    assert (message["number"], message["priority"], qos) == (number, 2, 1)


def test_a_storm_is_one_message_the_gravest_first(desk: Desk, web: Web) -> None:
    desk.by_hook(web)
    for i in range(12):
        desk.raised(f"write.failed.{i}", 1 if i == 7 else 2, f"number {i}")
    assert desk.run() == "12 to tell, 12 sent, 0 not sent"
    (posted,) = web.got
    assert posted.message["subject"].endswith("12 messages at once, the first: P1 alarm: number 7")
    assert len(posted.message["of"]) == 12
    assert {row["state"] for row in desk.outbox()} == {"sent"}
    assert desk.run() == "0 to tell, 0 sent, 0 not sent"


def waits(desk: Desk, web: Web, count: int) -> list[float]:
    """Run so often as the newest message is due; how long each of the waits was [s]."""
    found = []
    for _ in range(count):
        found.append((desk.outbox()[0]["next_at"] - desk.clock.now()).total_seconds())
        desk.clock.advance(timedelta(seconds=found[-1]))
        before = len(web.got)
        desk.run()
        assert len(web.got) > before
    return found


def test_it_is_tried_again_with_a_growing_wait_for_a_day_while_nobody_has_seen_it(
    desk: Desk, web: Web
) -> None:
    desk.by_hook(web)
    web.answer = 503
    desk.raised()
    desk.run()
    row = desk.outbox()[0]
    assert (row["state"], row["tries"]) == ("waiting", 1)
    assert row["error"] == "webhook 127.0.0.1 answered 503"
    desk.run()
    assert len(web.got) == 1, "not before its time"
    assert waits(desk, web, 8) == [15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    assert desk.outbox()[0]["state"] == "waiting"
    desk.clock.advance(timedelta(hours=23))
    desk.run()
    assert desk.outbox()[0]["state"] == "waiting"
    desk.clock.advance(timedelta(hours=1))
    desk.run()
    assert desk.outbox()[0]["state"] == "failed"


def test_what_somebody_has_seen_before_it_could_be_told_is_not_told(desk: Desk, web: Web) -> None:
    desk.by_hook(web)
    web.answer = 503
    alarm, card = desk.raised(), desk.proposed()
    desk.run()
    now = desk.clock.now()
    desk.conn.execute("SELECT alarm_act(%s, 'acknowledge', %s, 'Ada', '')", (alarm, now))
    desk.conn.execute(
        "SELECT transition(%s, 'rejected', NULL, %s, 'Ada', 'not now', '{}', NULL)", (card, now)
    )
    web.answer = 204
    desk.clock.advance(timedelta(minutes=1))
    assert desk.run() == "0 to tell, 0 sent, 0 not sent"
    assert [row["state"] for row in desk.outbox()] == ["dropped", "dropped"]


def test_a_channel_that_fails_again_and_again_is_an_alarm_on_the_others_until_it_works(
    desk: Desk, mail: Mail, web: Web
) -> None:
    def standing() -> list[str]:
        found = desk.conn.execute(
            "SELECT message FROM alarm WHERE source = 'notify.failed.email' AND priority = 2"
            " AND cleared_at IS NULL"
        )
        return [row["message"] for row in found]

    desk.by_mail(mail)
    desk.by_hook(web)
    mail.refuses = True
    desk.raised()
    for _ in range(2):
        desk.run()
        assert standing() == []
        desk.clock.advance(timedelta(minutes=1))
    desk.run()
    (message,) = standing()
    assert "messages by email do not arrive: mail server 127.0.0.1" in message
    desk.run()
    assert message in web.got[-1].message["subject"]
    mail.refuses = False
    desk.clock.advance(timedelta(minutes=15))
    desk.run()
    assert standing() == []
    mail.refuses = True
    desk.raised("write.failed.1")
    for _ in range(3):
        desk.run()
        desk.clock.advance(timedelta(minutes=1))
    assert standing()
    desk.settings.clear()
    assert desk.run() == "no channel is set"
    assert standing() == [], "what is not set cannot fail"


def test_one_channel_that_is_down_keeps_no_other_from_working(desk: Desk, mail: Mail, web: Web) -> None:
    desk.by_mail(mail)
    desk.by_hook(web)
    mail.refuses = True
    desk.raised()
    assert desk.run() == "2 to tell, 1 sent, 1 not sent"
    assert len(web.got) == 1
    mail.refuses = False
    desk.clock.advance(timedelta(minutes=1))
    assert desk.run() == "0 to tell, 1 sent, 0 not sent"
    assert (len(mail.got), len(web.got)) == (1, 1)


def test_taken_for_one_is_sent_and_who_was_refused_is_on_record(
    desk: Desk, mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    desk.by_mail(mail)
    mail.unknown = ["bo@example.org"]
    desk.raised()
    assert desk.run() == "1 to tell, 1 sent, 0 not sent"
    (row,) = desk.outbox()
    assert row["state"] == "sent"
    assert row["error"].endswith("refused bo@example.org")
    assert row["error"] in caplog.text
    (told,) = notify.try_out(desk.context)
    assert (told.ok, told.said) == (False, f"sent, but {row['error']}")
    desk.clock.advance(timedelta(hours=1))
    assert desk.run() == "0 to tell, 0 sent, 0 not sent"
    assert [mail["Subject"].partition("] ")[2] for mail in mail.got] == [
        "P2 alarm: it is down",
        "a test from Joulecast",
    ]
    mail.unknown += ["ada@example.org"]
    desk.raised("write.failed.1")
    assert desk.run() == "1 to tell, 0 sent, 1 not sent"
    assert "no such mailbox" in desk.outbox()[1]["error"]


def test_a_strange_goodbye_of_the_mail_server_undoes_nothing(desk: Desk, mail: Mail) -> None:
    desk.by_mail(mail)
    mail.bye = 421
    desk.raised()
    assert desk.run() == "1 to tell, 1 sent, 0 not sent"
    assert len(mail.got) == 1


def test_a_redirection_is_not_followed(desk: Desk, web: Web) -> None:
    desk.by_hook(web)
    web.answer = 307
    desk.raised()
    assert desk.run() == "1 to tell, 0 sent, 1 not sent"
    assert len(web.got) == 1


def test_what_was_being_sent_when_a_process_died_is_sent_again_with_the_same_key(
    desk: Desk, web: Web
) -> None:
    desk.by_hook(web)
    desk.raised()
    desk.run()
    desk.conn.execute("UPDATE notification SET state = 'sending'")
    assert desk.run() == "0 to tell, 0 sent, 0 not sent", "not at once: it may be what kills the process"
    assert "not known" in desk.outbox()[0]["error"]
    desk.clock.advance(timedelta(seconds=notify.WAIT_S))
    assert desk.run() == "0 to tell, 1 sent, 0 not sent"
    assert desk.outbox()[0]["state"] == "sent"
    first, second = web.got
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_what_was_acknowledged_or_shelved_before_is_no_news(desk: Desk, web: Web) -> None:
    desk.by_hook(web)
    known, shelved = desk.raised("write.failed.1"), desk.raised("write.failed.2")
    now = desk.clock.now()
    desk.conn.execute("SELECT alarm_act(%s, 'acknowledge', %s, 'Ada', '')", (known, now))
    desk.conn.execute(
        "SELECT alarm_act(%s, 'shelve', %s, 'Ada', 'why', %s)", (shelved, now, now + timedelta(hours=1))
    )
    assert desk.run() == "0 to tell, 0 sent, 0 not sent"


def test_an_alarm_that_comes_and_goes_is_told_once_in_a_quarter_of_an_hour(desk: Desk, web: Web) -> None:
    def over() -> None:
        source, now = "write.broker", desk.clock.now()
        db.rows(desk.conn, "twin_clear_alarm", site=desk.site.id, source=source, now=now)

    desk.by_hook(web)
    for _ in range(21):  # 14 minutes
        desk.raised()
        desk.run()
        desk.clock.advance(timedelta(seconds=20))
        over()
        desk.run()
        desk.clock.advance(timedelta(seconds=20))
    assert len(web.got) == 1
    desk.clock.advance(timedelta(minutes=10))
    desk.run()
    assert len(web.got) == 1, "the last one is over, and its source was told when it came"
    desk.raised()
    desk.run()
    assert len(web.got) == 2
    over()
    desk.raised()
    desk.run()
    assert len(web.got) == 2
    desk.clock.advance(timedelta(minutes=15))
    desk.run()
    assert len(web.got) == 3, "it still stands"
    over()
    graver = desk.raised(priority=1)
    desk.run()
    assert web.got[-1].message["number"] == graver


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_comes_back_from_the_shelf_is_told_again(desk: Desk, web: Web, *, by_hand: bool) -> None:
    desk.by_hook(web)
    number = desk.raised()
    desk.run()
    until = desk.clock.now() + timedelta(minutes=5)
    act = "SELECT alarm_act(%s, %s, %s, 'Ada', 'why', %s)"
    desk.conn.execute(act, (number, "shelve", desk.clock.now(), until))
    desk.clock.advance(timedelta(minutes=5))
    assert desk.run() == "0 to tell, 0 sent, 0 not sent"
    if by_hand:
        desk.conn.execute(act, (number, "restore", desk.clock.now(), None))
    else:
        life.wake(desk.conn, desk.site.id, desk.clock.now())
    assert desk.run() == "1 to tell, 1 sent, 0 not sent"
    first, second = web.got
    assert first.message["number"] == second.message["number"] == number
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"], "it is news"


def test_what_its_cause_has_suppressed_is_told_again_when_that_is_over(desk: Desk, web: Web) -> None:
    desk.by_hook(web)
    edge = desk.raised("write.edge.gate-1")
    desk.run()
    desk.raised("write.broker")
    desk.run()
    db.rows(desk.conn, "twin_clear_alarm", site=desk.site.id, source="write.broker", now=desk.clock.now())
    desk.run()
    assert [posted.message["number"] for posted in web.got] == [edge, edge + 1, edge]


def test_a_test_says_what_happened_on_each_channel(desk: Desk, mail: Mail, web: Web) -> None:
    desk.by_mail(mail)
    desk.by_hook(web)
    web.answer = 500
    told = {one.channel: one for one in notify.try_out(desk.context)}
    assert told["email"].ok
    assert "a test from Joulecast" in mail.got[0]["Subject"]
    assert (told["webhook"].ok, told["webhook"].said) == (False, "webhook 127.0.0.1 answered 500")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of our own, and a server's context with it."""
    program = shutil.which("openssl")
    if not program:
        pytest.skip("no openssl on this machine")
    of, key = tmp_path / "mail.pem", tmp_path / "mail.key"
    command = f"{program} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(of)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(of, key)
    return of, context


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_mail_goes_encrypted_signed_in_and_only_to_whom_we_know(
    desk: Desk,
    mail: Mail,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    desk.by_mail(mail)
    desk.settings["notify_smtp"] = f"{scheme}://ada:ge%40heim@127.0.0.1:{mail.server_address[1]}"
    trusted, mail.tls = certificate
    mail.starttls = scheme == "smtp"
    desk.raised()
    assert desk.run() == "1 to tell, 0 sent, 1 not sent"
    assert "CERTIFICATE_VERIFY_FAILED" in desk.outbox()[0]["error"]
    assert (mail.got, mail.logins) == ([], [])
    mail.secured = False
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    desk.clock.advance(timedelta(minutes=1))
    assert desk.run() == "0 to tell, 1 sent, 0 not sent"
    assert mail.secured
    assert mail.logins == ["\0ada\0ge@heim"]


SMTP = {"notify_smtp": "smtp://mail", "notify_email_from": "a@b", "notify_email_to": "a@b"}


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"notify_webhook": "http://example.org/x"}, "notify_webhook"),
        ({"notify_webhook": "ftp://127.0.0.1/"}, "notify_webhook"),
        ({"notify_webhook": "https://"}, "notify_webhook"),
        ({"notify_webhook": "https://h:99999/"}, "notify_webhook"),
        ({"notify_webhook": "https://h/a b"}, "notify_webhook"),
        ({"notify_webhook_secret": "x"}, "notify_webhook"),
        ({"notify_email_to": "a@b"}, "notify_smtp"),
        ({**SMTP, "notify_smtp": "http://mail"}, "notify_smtp"),
        ({**SMTP, "notify_email_to": "nobody"}, "notify_email_to"),
        ({**SMTP, "notify_email_from": None}, "notify_email_from"),
        ({"notify_mqtt": True}, "notify_mqtt"),
        ({"notify_webhook": "https://h/", "public_url": "twin"}, "public_url"),
    ],
)
def test_a_bad_setting_is_one_sentence(desk: Desk, given: dict[str, Any], setting: str) -> None:
    settings = {"public_url": PAGES, **given}
    context = Context(Settings(dsn=desk.dsn, **settings), desk.site, desk.clock, desk.dsn)
    with pytest.raises(InputError, match=f"^setting {setting}: found .*; allowed is ") as found:
        notify.notify(context)
    assert "\n" not in str(found.value)


def test_a_password_is_in_no_message() -> None:
    settings = Settings(**{**SMTP, "notify_smtp": "smtp://ada:geheim@mail:1/path"})
    with pytest.raises(InputError, match="mail:1/path") as found:
        channels.channels(settings, "demo")
    assert "geheim" not in str(found.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://hooks.example.org/services/geheim", "found http://hooks.example.org;"),
        ("https://ada:geheim@hooks.example.org/geheim", "found https://hooks.example.org;"),
        ("https://hooks.example.org:99999/geheim", "found https://hooks.example.org;"),
        ("https://hooks.example.org/geheim\x01", "found https://hooks.example.org;"),
        ("hooks.example.org/services/geheim", "found no address of a host;"),
        ("https://[geheim/", "found no address of a host;"),
    ],
)
def test_a_webhooks_path_is_in_no_message(url: str, shown: str) -> None:
    with pytest.raises(InputError) as found:
        channels.channels(Settings(notify_webhook=url), "demo")
    assert shown in str(found.value)
    assert "geheim" not in str(found.value)


@pytest.mark.parametrize(
    ("host", "link"),
    [
        ("127.0.0.1", "http://127.0.0.1:8050"),
        ("0.0.0.0", "http://127.0.0.1:8050"),  # noqa: S104  # nothing is bound
        ("::", "http://[::1]:8050"),
        ("::1", "http://[::1]:8050"),
        ("2001:db8::7", "http://[2001:db8::7]:8050"),
        ("twin.example.org", "http://twin.example.org:8050"),
    ],
)
def test_links_lead_to_where_the_pages_are_served(host: str, link: str) -> None:
    assert channels.link_base(Settings(ui_host=host)) == link

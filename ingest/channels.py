"""Ways to people who are not at the screen: e-mail, a webhook, a topic on the broker.

What is set is checked here, once and in one sentence; nothing set: no channel.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import smtplib
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from core.errors import InputError, ServiceError
from ingest.mqtt import Publisher, Version
from ingest.topics import NOTIFICATION, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from urllib.parse import SplitResult

    from core.settings import Settings

WAIT_S: Final = 10.0
"""Longest wait for any answer [wall s]."""
SMTP_PORTS: Final = {"smtp": 587, "smtps": 465}
SIGNATURE: Final = "X-Joulecast-Signature"
ID_HEADER: Final = "Idempotency-Key"
_OK: Final = range(200, 300)
_ADDRESS: Final = "an address like operator@example.org"


class Channel(Protocol):
    """One way."""

    @property
    def name(self) -> str:
        """As in the table `notification`."""
        ...

    def send(self, key: str, message: Mapping[str, Any]) -> str:
        """Send a message that has ``kind``, ``number``, ``subject`` and ``text``.

        Args:
            key: the same for the same message, so that whoever gets it twice can tell.
            message: JSON.

        Returns:
            Whom it did not reach, though it reached others; empty where it reached all.

        Raises:
            ServiceError: it reached nobody.
        """
        ...


def channels(settings: Settings, site: str) -> tuple[Channel, ...]:
    """The channels that are set.

    Raises:
        InputError: what is set cannot be used.
    """
    found: list[Channel] = []
    if settings.notify_email_to or settings.notify_smtp or settings.notify_email_from:
        found.append(_email(settings))
    if settings.notify_webhook:
        found.append(_webhook(settings.notify_webhook, settings.notify_webhook_secret))
    elif settings.notify_webhook_secret:
        raise _wrong("notify_webhook", "nothing, with a secret", "an address", "set it, or leave both out")
    if settings.notify_mqtt:
        if not settings.broker:
            raise _wrong("notify_mqtt", "true without a broker", "a broker", "set JOULECAST_BROKER")
        found.append(Mqtt(settings.broker, f"{ROOT}/{site}/{NOTIFICATION}", Version(settings.mqtt_version)))
    return tuple(found)


def link_base(settings: Settings) -> str:
    """Where the pages are, without a slash at the end.

    Raises:
        InputError: `public_url` is no such address.
    """
    text = settings.public_url or settings.page_url
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise _wrong("public_url", repr(text), "http(s)://host[:port][/path]", "correct it")
    return text.rstrip("/")


def _wrong(setting: str, found: str, allowed: str, do: str) -> InputError:
    return InputError(f"setting {setting}", found=found, allowed=allowed, do=do)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- e-mail


@dataclass(frozen=True, slots=True)
class Email:
    """By SMTP, encrypted from the start or by STARTTLS; in the clear only to this machine."""

    host: str
    port: int
    tls: bool
    user: str
    password: str
    sender: str
    to: tuple[str, ...]
    name: str = "email"

    def send(self, key: str, message: Mapping[str, Any]) -> str:
        """Send one e-mail to all; it has arrived when the server has taken it for anybody."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        mail["Subject"] = " ".join(str(message["subject"]).split())
        mail["Message-ID"] = f"<{key}@joulecast>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(str(message["text"]))
        try:
            with self._open() as server:
                refused = server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise ServiceError(f"mail server {self.host}:{self.port}: {_first_line(error)}") from error
        return f"mail server {self.host}:{self.port} refused {', '.join(refused)}" if refused else ""

    @contextmanager
    def _open(self) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        if self.tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=WAIT_S, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=WAIT_S)
        try:
            server.ehlo()
            if not self.tls and (server.has_extn("starttls") or not is_loopback(self.host)):
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            yield server
        finally:
            with suppress(OSError, smtplib.SMTPException):  # what was taken is taken, whatever the goodbye
                server.quit()
            server.close()


def _email(settings: Settings) -> Email:
    url, allowed = settings.notify_smtp or "", "smtp[s]://[user:password@]host[:port]"
    shown = repr(url.rpartition("@")[2]) if url else "nothing"
    try:
        parts = urlsplit(url)
        port = parts.port or SMTP_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise _wrong("notify_smtp", shown, allowed, "set your mail server") from None
    if not parts.hostname or parts.path.strip("/"):
        raise _wrong("notify_smtp", shown, allowed, "set your mail server")
    return Email(
        parts.hostname,
        port,
        parts.scheme == "smtps",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        _addresses("notify_email_from", settings.notify_email_from)[0],
        _addresses("notify_email_to", settings.notify_email_to),
    )


def _addresses(setting: str, text: str | None) -> tuple[str, ...]:
    found = tuple(address for _, address in getaddresses([text or ""]))
    if not found or any(_bad_address(address) for address in found):
        raise _wrong(setting, repr(text) if text else "nothing", _ADDRESS, "correct it")
    return found


def _bad_address(address: str) -> bool:
    name, at, host = address.rpartition("@")
    return not (name and at and host) or any(c.isspace() or not c.isprintable() for c in address)


# --- webhook


@dataclass(frozen=True, slots=True)
class Webhook:
    """By POST of JSON; a redirection is a failure, so that nothing goes to where nobody has set it."""

    parts: SplitResult
    secret: str
    name: str = "webhook"

    def send(self, key: str, message: Mapping[str, Any]) -> str:
        """Post; whatever answers with 2xx has it."""
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "joulecast", ID_HEADER: key}
        if self.secret:
            headers[SIGNATURE] = signature(self.secret, body)
        where = f"webhook {self.parts.hostname}"
        try:
            status = self._post(body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(f"{where}: {_first_line(error)}") from error
        if status not in _OK:
            raise ServiceError(f"{where} answered {status}")
        return ""

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        host, port = self.parts.hostname or "", self.parts.port
        connection: http.client.HTTPConnection
        if self.parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=WAIT_S, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=WAIT_S)
        try:
            query = f"?{self.parts.query}" if self.parts.query else ""
            connection.request("POST", f"{self.parts.path or '/'}{query}", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def signature(secret: str, body: bytes) -> str:
    """What `SIGNATURE` says of a body: HMAC-SHA256, so that the receiver can tell that it comes from here."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _webhook(url: str, secret: str | None) -> Webhook:
    allowed = "https://host[:port]/path, or http on this machine"
    shown = "no address of a host"
    try:
        parts = urlsplit(url)
        if parts.hostname:  # and no more of it: paths of webhooks are secrets
            shown = f"{parts.scheme}://{parts.hostname}"
        plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
        good = bool(parts.hostname) and (parts.scheme == "https" or plain) and parts.port != 0
    except ValueError:
        good = False
    if (
        not good
        or parts.username
        or not url.isascii()
        or any(c.isspace() or not c.isprintable() for c in url)
    ):
        raise _wrong("notify_webhook", shown, allowed, "correct it")
    return Webhook(parts, secret or "")


# --- MQTT


@dataclass(frozen=True, slots=True)
class Mqtt:
    """On the broker, QoS 1, not retained: whoever subscribes later is told nothing old."""

    broker: str
    base: str
    """Of the topic; the kind of message and its number follow."""
    version: Version
    name: str = "mqtt"

    def send(self, key: str, message: Mapping[str, Any]) -> str:
        """Publish, and wait until the broker has it."""
        body = json.dumps({**message, "id": key}, ensure_ascii=False).encode()
        topic = f"{self.base}/{message['kind']}/{message['number']}"
        with Publisher(self.broker, patience_s=WAIT_S, version=self.version) as publisher:
            publisher.publish(topic, body)
            publisher.flush()
        return ""


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""The real ``python -m ui`` in front of a database in which the demo plant has a past and goes on."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from common import ROOT

from core import db
from core.jobs import Context
from core.settings import Settings
from joulecast import process
from joulecast.verbs.common import DEMO_SITE

sys.path.insert(0, str(ROOT / "tests" / "ui"))  # what the tests of the pages fill their databases with
import seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.site import Site

PATIENCE_S: Final = 60.0
PAST: Final = timedelta(hours=50)
"""A whole day of the site's calendar lies in it, whatever the hour."""
LATELY: Final = timedelta(minutes=4)
FEED_S: Final = 2.0
"""Time between two readings of the plant that goes on [s]."""
STOP_S: Final = 15.0


class Plant:
    """Readings of every point, now and again, until it is stopped."""

    def __init__(self, dsn: str, site: Site, every_s: float = FEED_S) -> None:
        self._dsn, self._site, self._every_s = dsn, site, every_s
        self.last_at = datetime.now(UTC)
        """Of the last readings."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        now = datetime.now(UTC)
        with db.connect(self._dsn) as conn:  # it has gone on for a while
            seed.readings(conn, self._site, now - LATELY, now, timedelta(seconds=self._every_s))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No more readings; returns when the last one is written."""
        self._stop.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        with db.connect(self._dsn, autocommit=True) as conn:
            ids = seed.points(conn, self._site)
            while not self._stop.is_set():
                now = datetime.now(UTC)
                rows = [
                    {"point": ids[ref], "time": now, "value": value}
                    for ref, value in seed.values(self._site, now).items()
                ]
                with conn.cursor() as cursor, conn.transaction():
                    cursor.executemany(
                        "INSERT INTO reading (time, value, point_id) VALUES (%(time)s, %(value)s, %(point)s)",
                        rows,
                    )
                    cursor.executemany(
                        "UPDATE reading_latest SET time = %(time)s, value = %(value)s, status = 0"
                        " WHERE point_id = %(point)s",
                        rows,
                    )
                self.last_at = now
                self._stop.wait(self._every_s)


class Server:
    """A server process on a free port of loopback, ready when it answers.

    Args:
        folder: where its port is remembered, so that it can be started again on the same.
        name: what the port is remembered by.
        argv: how it is started, given the port.
        healthy: a path that is answered with 200.
        environment: for it alone.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        argv: Callable[[int], list[str]],
        healthy: str,
        environment: Mapping[str, str],
    ) -> None:
        self.port = process.remembered_port(folder, name)
        self._argv, self._healthy = argv(self.port), healthy
        kept = {key: value for key, value in os.environ.items() if not key.startswith("JOULECAST_")}
        self._environment = {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment}

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{process.LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._argv, cwd=ROOT, env=self._environment)
        wait_until(lambda: self.answers(self._healthy), "the server answers")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; harmless where it has ended."""
        self._process.terminate()
        self._process.wait(STOP_S)

    def answers(self, path: str) -> bool:
        """Whether it is well."""
        connection = http.client.HTTPConnection(process.LOOPBACK, self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def resident_bytes(self) -> int:
        """Memory of the process and those that it has started."""
        return sum(_resident_bytes(pid) for pid in _family(self._process.pid))


def ui_server(folder: Path, dsn: str, **settings: str) -> Server:
    """``python -m ui`` on a database, for the demo site."""
    more = {f"JOULECAST_{name.upper()}": value for name, value in settings.items()}
    port = process.remembered_port(folder, "ui")
    environment = {
        "JOULECAST_DSN": dsn,
        "JOULECAST_SITE_FILE": str(DEMO_SITE),
        "JOULECAST_UI_PORT": str(port),
        **more,
    }
    return Server(folder, "ui", lambda _: [sys.executable, "-m", "ui"], "/healthz", environment)


def fill(dsn: str, site: Site) -> None:
    """The demo plant's past up to now, a calibration, a forecast, a recommendation."""
    from twin import jobs  # noqa: PLC0415  # loads the physics, which only this needs

    db.migrate(dsn)
    seed.everything(dsn, site, datetime.now(UTC), back=PAST)
    settings = Settings(dsn=dsn, site_file=DEMO_SITE)
    jobs.calibrate_site(Context(settings, site, settings.make_clock(), dsn))


def wait_until(fulfilled: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait, but not for ever.

    Raises:
        TimeoutError: it did not come.
    """
    until = time.monotonic() + patience_s
    while not fulfilled():
        if time.monotonic() > until:
            raise TimeoutError(f"waited in vain until {what}")
        time.sleep(0.05)  # it is in another process: it is asked again


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text(encoding="ascii").split():
            found += _family(int(child))
    return found


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

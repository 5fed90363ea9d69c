"""What every service's ``__main__`` has in common: settings, site, log, jobs, health, a clean end."""

from __future__ import annotations

import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from core import log
from core.errors import InputError, JoulecastError
from core.jobs import Context, Job, schedule
from core.settings import load_settings
from core.site import load_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.schedulers.background import BackgroundScheduler


def context() -> Context:
    """Settings, site, clock and database of this process.

    Raises:
        InputError: a setting or the site's description is wrong, or no database is given.
    """
    settings = load_settings()
    if not settings.dsn:
        raise InputError(
            "JOULECAST_DSN",
            found="nothing",
            allowed="a PostgreSQL connection string",
            do="set it, or use `joulecast up`",
        )
    return Context(settings, load_site(settings.site_file), settings.make_clock(), settings.dsn)


def serve(
    name: str, jobs: tuple[Job, ...] = (), main: Callable[[Context, threading.Event], None] | None = None
) -> int:
    """Run a service until SIGTERM or SIGINT.

    Args:
        name: what the log calls it.
        jobs: its periodic work.
        main: its own work, which returns when the event is set; none: only the jobs.

    Returns:
        The exit status: 0 after a signal, 2 for bad settings, 1 for anything else that ended it.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        ctx = context()
        logger = log.configure(name, ctx.settings.log_level)
        health = _health(ctx.settings.health_port, name) if ctx.settings.health_port else None
        scheduler = schedule(jobs, ctx) if jobs else None
    except JoulecastError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return error.exit_status
    logger.info("started")
    try:
        (main or _idle)(ctx, stop)
    except JoulecastError as error:
        logger.error("%s", error)  # noqa: TRY400  # a sentence for the operator, not a traceback
        return error.exit_status
    finally:
        _end(scheduler, health)
    logger.info("stopped")
    return 0


def _idle(_: Context, stop: threading.Event) -> None:
    stop.wait()


def _end(scheduler: BackgroundScheduler | None, health: ThreadingHTTPServer | None) -> None:
    if scheduler:
        scheduler.shutdown(wait=False)
    if health:
        health.shutdown()
        health.server_close()


def _health(port: int, name: str) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            found = self.path == "/healthz"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(f"{name} ok\n".encode() if found else b"not found\n")

        def log_message(self, *_: object) -> None:
            """Say nothing: a health check every few seconds is no news."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server

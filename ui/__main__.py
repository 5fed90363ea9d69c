"""``python -m ui``: the pages, served by gunicorn: one worker of threads, warmed before it serves."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from gunicorn.app.base import BaseApplication
from werkzeug.test import Client

from core import log
from core.clock import SystemClock
from core.errors import InputError, JoulecastError
from core.service import context
from core.settings import BARE
from ui.app import close, create_app

if TYPE_CHECKING:
    import logging

    from core.jobs import Context

THREADS: Final = 8
GRACE_S: Final = 3
"""How long a request may still take after a signal to end [s]."""
PORT_TRIES: Final = 10
"""How often a taken port is tried again before it is given up."""
PORT_PAUSE_S: Final = 0.25
"""Time between two tries [s]."""
SLOW_S: Final = 10
"""A client from which nothing comes, or that takes nothing, for so long within a request is let go [s]."""
TIMEOUT_S: Final = 120
"""A worker that gives no sign of life for so long is replaced [s]; a replayed day takes its time."""


class Server(BaseApplication):
    """Gunicorn with our settings and nobody else's files."""

    def __init__(self, ctx: Context) -> None:
        self.context = ctx
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn needs to know."""
        settings = self.context.settings
        values: dict[str, Any] = {
            "bind": f"{settings.ui_host}:{settings.ui_port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": GRACE_S,
            "timeout": TIMEOUT_S,
            "proc_name": "joulecast-ui",
            "loglevel": "warning",
            "control_socket_disable": True,
            "sendfile": False,  # it waits for ever for a client that takes nothing
            "post_worker_init": ready,
            "worker_exit": end,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI callable, made in the worker so that no connection crosses the fork."""
        self.dash = create_app(self.context)
        return self.dash.server


def ready(worker: Any) -> None:
    """Let nobody keep a thread, and warm up."""
    limit = struct.pack("ll", SLOW_S, 0)
    for listener in worker.sockets:  # a connection has from its listener what the kernel waits for
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.setsockopt(socket.SOL_SOCKET, option, limit)
    worker.log.error_log.addFilter(is_news)
    warm(worker)


def is_news(record: logging.LogRecord) -> bool:
    """Whether it is more than that a client was let go because it was slow."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


def warm(worker: Any) -> None:
    """Ask for a page before anyone else does: Dash sets itself up in its first request, not thread-safely."""
    client = Client(worker.wsgi)
    if client.get("/healthz").status_code != 200:  # noqa: PLR2004  # HTTP's own number
        raise RuntimeError("warming up: /healthz was not answered")
    for path in ("/", "/_dash-layout", "/_dash-dependencies"):
        if client.get(path).status_code >= 500:  # noqa: PLR2004  # where guests see nothing it is 302 or 401
            raise RuntimeError(f"warming up: {path} was not answered")
    worker.log.info("warmed")


def end(_: Any, worker: Any) -> None:
    """Give the worker's connections back."""
    dash = getattr(worker.app, "dash", None)
    if dash is not None:
        close(dash)


def check_port(host: str, port: int, tries: int = PORT_TRIES) -> None:
    """Say so, if somebody else has the port; a worker of a server that was killed keeps it for a moment.

    Raises:
        InputError: the port is taken or the address is not this machine's.
    """
    for rest in reversed(range(tries)):
        try:
            _bind(host, port)
        except OSError as error:
            if rest and error.errno == errno.EADDRINUSE:
                SystemClock().sleep(PORT_PAUSE_S)
                continue
            raise InputError(
                f"address {host}:{port}",
                found=error.strerror or str(error),
                allowed="a free port of this machine",
                do="end what uses it or set JOULECAST_UI_PORT",
            ) from error
        return


def _bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    try:
        ctx = context()
        logger = log.configure("ui", ctx.settings.log_level)
        check_port(ctx.settings.ui_host, ctx.settings.ui_port)
    except JoulecastError as error:
        sys.stderr.write(f"ui: {error}\n")
        return error.exit_status
    if ctx.settings.ui_is_bare:
        logger.warning("%s", BARE)
    Server(ctx).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

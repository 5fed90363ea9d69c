"""The first breath of a child process: who it is, whose death it follows, and then the program itself.

Run by path as ``python -I -S launch.py OPTIONS -- PROGRAM ARGUMENTS``; imports nothing but the standard
library, and ends in `os.execvp`, so that the child's process id is the program's. Not imported by anyone.

Linux: `PR_SET_PDEATHSIG` makes the kernel signal the child when the thread that started it dies, so that not
even a SIGKILL of the parent leaves an orphan. It is set after the change of identity, which would clear it.
Elsewhere the child starts without that.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
EXIT_CANNOT_START = 126


def enter_namespace(uid: int, gid: int) -> None:
    """Become `uid`:`gid` in a new user namespace, where that id stands for our own outside.

    PostgreSQL refuses to run as uid 0. In the namespace it is not, and yet it owns our files. See
    user_namespaces(7).
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{gid} {outer_gid} 1"),
    ):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def drop_to(uid: int, gid: int) -> None:
    """Become the user `uid`:`gid` for good."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def follow(parent: int, signal_number: int) -> None:
    """Get `signal_number` when the parent dies; end at once where it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(EXIT_CANNOT_START)


def _ids(text: str) -> tuple[int, int]:
    uid, gid = text.split(":")
    return int(uid), int(gid)


def main() -> None:
    """Read the options, take on the identity, become the program."""
    parser = argparse.ArgumentParser(description="Start a program that ends with its parent.")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--namespace", type=_ids)
    parser.add_argument("--user", type=_ids)
    parser.add_argument("--chdir")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    try:
        if options.namespace:
            enter_namespace(*options.namespace)
        if options.user:
            drop_to(*options.user)
        if options.chdir:
            os.chdir(options.chdir)
        follow(options.parent, options.signal)
        os.execvp(options.program[0], options.program)  # noqa: S606  # that is what a launcher is for
    except OSError as error:
        sys.stderr.write(f"{options.program[0]}: {error}\n")
        sys.exit(EXIT_CANNOT_START)


if __name__ == "__main__":
    main()

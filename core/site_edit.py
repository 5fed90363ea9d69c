"""A mapping goes into `site.toml` as a person would write it; nothing else of the file changes.

A topic that is not named yet gets a block at the end; a name of a topic that is there goes into its `points`.
"""

from __future__ import annotations

import copy
import json
import os
import re
import tempfile
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import InputError, ServiceError
from core.site import SINGLE_CODECS, Site, load_site

if TYPE_CHECKING:
    from core.points import PointRef

_HEADER: Final = re.compile(r"^[ \t]*\[\[[ \t]*topics[ \t]*\]\][^\n]*(?:\n|\Z)", re.MULTILINE)
_NEXT: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_POINTS: Final = re.compile(r"^[ \t]*points[ \t]*=[ \t]*\{", re.MULTILINE)
_POINTS_TABLE: Final = re.compile(r"[ \t]*\[[ \t]*topics[ \t]*\.[ \t]*points[ \t]*\][^\n]*\n")
_STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'")
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class NewMapping:
    """What is to be mapped."""

    topic: str
    """Topic, or filter of a dialect."""
    codec: str
    point: PointRef
    unit: str | None = None
    """Unit it is sent in; None: what the payload says, or the canonical one."""
    name: str = ""
    """Name of the value in the message; dialects only."""

    @property
    def single(self) -> bool:
        """Whether the topic's messages carry one point each."""
        return self.codec in SINGLE_CODECS

    @property
    def target(self) -> str:
        """Where it goes, as in `points`."""
        return f"{self.point}:{self.unit}" if self.unit else f"{self.point}"


def block(wanted: NewMapping) -> str:
    """The lines that map a topic that is not named yet."""
    lines = ["[[topics]]", f"topic = {quoted(wanted.topic)}", f"codec = {quoted(wanted.codec)}"]
    if wanted.single:
        lines.append(f"point = {quoted(str(wanted.point))}")
        lines += [f"unit = {quoted(wanted.unit)}"] if wanted.unit else []
    else:
        lines.append(f"points = {{ {_pair(wanted)} }}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def added(text: str, wanted: NewMapping) -> str:
    """The file's text with the mapping in it.

    Raises:
        InputError: the topic or the name is mapped already, or the file is written in a way that a program
            had better not change.
    """
    before = tomllib.loads(text)
    wished, index = _wished(before, wanted)
    if index is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        found = f"{text}{gap}\n{block(wanted)}"
    else:
        found = _with_name(text, index, wanted)
    if _read(found) != wished:
        raise InputError(
            "site.toml",
            found=f"the mapping of {wanted.topic} in a form that is not changed from here",
            allowed="[[topics]] with points = { ... }",
            do=f"add {_pair(wanted)} to its points by hand",
        )
    return found


def write_mapping(path: Path, wanted: NewMapping) -> Site:
    """Put a mapping into the file: all of it, checked by the loader that every service uses, or nothing.

    Returns:
        The description as it is now.

    Raises:
        InputError: the mapping cannot be, or the file was changed by somebody else at the same time.
        ServiceError: the file cannot be written.
    """
    path = path.resolve()
    with _lock:
        load_site(path)
        text = path.read_bytes().decode("utf-8")
        changed = added(text, wanted)
        draft = _draft(path, changed)
        try:
            site = _checked(draft, path)
            if path.read_bytes().decode("utf-8") != text:
                raise InputError(
                    path.name, found="a change by somebody else", allowed="one at a time", do="try again"
                )
            draft.replace(path)
        except OSError as error:  # e.g. a file that is mounted by itself cannot be replaced
            raise _unwritten(path, error) from error
        finally:
            draft.unlink(missing_ok=True)
    _sync(path.parent)
    return site


def _wished(before: dict[str, Any], wanted: NewMapping) -> tuple[dict[str, Any], int | None]:
    """What the file has to say afterwards, and which of its topics is to be extended; None: a new one."""
    wished = copy.deepcopy(before)
    topics: list[dict[str, Any]] = wished.setdefault("topics", [])
    for index, entry in enumerate(topics):
        if entry.get("topic") != wanted.topic:
            continue
        points = entry.setdefault("points", {})
        if wanted.single or entry.get("codec") != wanted.codec or wanted.name in points:
            already = wanted.name or wanted.topic
            raise InputError(
                "mapping",
                found=f"{already} mapped already",
                allowed="one mapping each",
                do="change the one in site.toml by hand",
            )
        points[wanted.name] = wanted.target
        return wished, index
    topics.append(tomllib.loads(block(wanted))["topics"][0])
    return wished, None


def _with_name(text: str, index: int, wanted: NewMapping) -> str:
    headers = list(_HEADER.finditer(text))
    if index >= len(headers):
        return text
    begin = headers[index].end()
    following = _NEXT.search(text, begin)
    end = following.start() if following else len(text)
    points = _POINTS.search(text, begin, end)
    if points:
        close = _closing(text, points.end(), end)
        inside = text[points.end() : close].rstrip()
        between = ", " if inside.strip() else " "
        return f"{text[: points.end()]}{inside}{between}{_pair(wanted)} {text[close:]}"
    table = _POINTS_TABLE.match(text, end)
    if table:
        return f"{text[: table.end()]}{_pair(wanted)}\n{text[table.end() :]}"
    return f"{text[:begin]}points = {{ {_pair(wanted)} }}\n{text[begin:]}"


def _closing(text: str, begin: int, end: int) -> int:
    """Where the inline table that begins here closes; its end where it does not."""
    at, depth = begin, 1
    while at < end:
        string = _STRING.match(text, at)
        if string:
            at = string.end()
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return at
        at += 1
    return end


def _pair(wanted: NewMapping) -> str:
    return f"{quoted(wanted.name)} = {quoted(wanted.target)}"


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _draft(path: Path, text: str) -> Path:
    """The text in a file of its own beside the other, on the disk, with the other's permissions."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
        with os.fdopen(number, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777)
    except UnicodeEncodeError as error:
        raise InputError(
            "mapping", found="a name that is no text", allowed="Unicode", do="map it by hand"
        ) from error
    except OSError as error:
        raise _unwritten(path, error) from error
    return Path(name)


def _unwritten(path: Path, error: OSError) -> ServiceError:
    return ServiceError(f"{path} cannot be written: {error.strerror or error}")


def _checked(draft: Path, path: Path) -> Site:
    try:
        return load_site(draft)
    except InputError as error:
        what = error.what.replace(str(draft), path.name)
        raise InputError(what, found=error.found, allowed=error.allowed, do="nothing was written") from error


def _sync(folder: Path) -> None:
    """Make sure that the new name is on the disk, too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

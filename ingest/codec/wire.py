"""The wire format of Protocol Buffers: as much of it as a reader and a small writer need.

References:
    https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
VARINT_MAX_BYTES: Final = 10
MASK64: Final = (1 << 64) - 1
_TAG_BITS: Final = 3
_SIZES: Final = {FIXED64: 8, FIXED32: 4}
_float: Final = struct.Struct("<f")
_double: Final = struct.Struct("<d")

Value = int | bytes
"""An integer for a varint; the bytes themselves for everything else."""


class WireError(ValueError):
    """The bytes are no protobuf message."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where the next thing begins."""
    result = shift = 0
    for index in range(at, min(at + VARINT_MAX_BYTES, len(data))):
        byte = data[index]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  # the continuation bit is not set
            return result & MASK64, index + 1
        shift += 7
    raise WireError(f"no number at byte {at}")


def fields(data: bytes) -> Iterator[tuple[int, int, Value]]:
    """Number, wire type and value of each field, in order.

    Raises:
        WireError: the bytes end too early or hold something that is no field.
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> _TAG_BITS, tag & 7
        if not number:
            raise WireError(f"field number 0 before byte {at}")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise WireError(f"wire type {kind} before byte {at}")
        if size > end - at:
            raise WireError(f"{size} bytes announced at byte {at}, {end - at} there")
        yield number, kind, data[at : at + size]
        at += size


def text(value: Value) -> str:
    """A string field.

    Raises:
        WireError: it is none.
    """
    if not isinstance(value, bytes):
        raise WireError("a number where text belongs")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise WireError("text that is no UTF-8") from error


def whole(value: Value) -> int:
    """A varint field.

    Raises:
        WireError: it is none.
    """
    if not isinstance(value, int):
        raise WireError("bytes where a number belongs")
    return value


def message(value: Value) -> bytes:
    """A field that is a message or bytes.

    Raises:
        WireError: it is none.
    """
    if not isinstance(value, bytes):
        raise WireError("a number where a message belongs")
    return value


def real(value: Value) -> float:
    """A float or double field.

    Raises:
        WireError: it is none.
    """
    if isinstance(value, bytes):
        for kind in (_float, _double):
            if len(value) == kind.size:
                return float(kind.unpack(value)[0])
    raise WireError("something else where a float belongs")


def put(number: int, value: int | bytes | str) -> bytes:
    """A field, written: an integer as varint, text and bytes with their length."""
    if isinstance(value, int):
        return _put_varint(number << _TAG_BITS | VARINT) + _put_varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _put_varint(number << _TAG_BITS | BYTES) + _put_varint(len(raw)) + raw


def _put_varint(value: int) -> bytes:
    out = bytearray()
    rest = value & MASK64
    while rest > 0x7F:  # noqa: PLR2004  # seven bits a byte
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)

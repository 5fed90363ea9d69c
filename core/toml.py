"""Files that people write in TOML: whatever is wrong with one is a single sentence."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Model = TypeVar("Model", bound=BaseModel)

SHORT: Final = 60
"""Longest value that is repeated in a sentence [characters]."""


def load_toml(path: Path, model: type[Model], *, what: str, do: str, keys: str) -> Model:
    """Read a file and check it.

    Args:
        path: the file.
        model: what it must be.
        what: the kind of file, in words.
        do: what to do where it is missing.
        keys: which keys are allowed, in words.

    Raises:
        InputError: it is missing, is no TOML, or says what cannot be.
    """
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(str(path), found="no readable file", allowed=what, do=do) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            str(path), found=f"no TOML ({error})", allowed="TOML", do="correct that line"
        ) from error
    except ValidationError as error:
        raise _sentence(path, error, keys) from error


def _sentence(path: Path, error: ValidationError, keys: str) -> InputError:
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    key = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
    found, allowed = _short(first["input"]), first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        found, allowed = "an unknown key", keys
    elif first["type"] == "missing":
        found, allowed = "nothing", "a value (the key is required)"
    return InputError(f"{path}: {key}", found=found, allowed=allowed, do="correct it there")


def _short(value: Any) -> str:
    kind = "such a table" if isinstance(value, dict) else f"a {type(value).__name__}"
    text = repr(value) if isinstance(value, str | int | float | bool) else kind
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"

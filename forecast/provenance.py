"""Which code made a model: the commit of the checkout, and the libraries."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any, Final

LIBRARIES: Final = ("torch", "pytorch-lightning", "safetensors", "numpy", "pandas")
"""Distributions whose versions may change what a training gives."""
UNKNOWN: Final = "unknown"
CHECKOUT: Final = Path(__file__).parents[1]


def provenance() -> dict[str, Any]:
    """For a model's card."""
    return {"commit": commit(), "libraries": {name: metadata.version(name) for name in LIBRARIES}}


def commit(checkout: Path = CHECKOUT) -> str:
    """The commit that is checked out, read from git's own files; `unknown` where the code is no checkout."""
    try:
        git = checkout / ".git"
        if git.is_file():  # a worktree: says where its own part of the repository is
            git = checkout / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        return _resolve(git, head.removeprefix("ref:").strip()) if head.startswith("ref:") else head
    except OSError:
        return UNKNOWN


def _resolve(git: Path, branch: str) -> str:
    """The commit at a branch, which stands in a file of its own or in the packed list."""
    shared = git / "commondir"
    common = git / shared.read_text(encoding="utf-8").strip() if shared.exists() else git
    if (common / branch).is_file():
        return (common / branch).read_text(encoding="utf-8").strip()
    lines = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in lines if line.endswith(f" {branch}")), UNKNOWN)

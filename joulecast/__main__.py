"""``python -m joulecast``: the command `joulecast`."""

from __future__ import annotations

from joulecast.cli import main

if __name__ == "__main__":
    main()

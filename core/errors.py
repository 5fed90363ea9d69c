"""The project's errors. Each ends a command with its exit status and one sentence, never a traceback."""

from __future__ import annotations


class JoulecastError(Exception):
    """Something the operator has to know about; ends a command with `exit_status`."""

    exit_status = 1


class InputError(JoulecastError):
    """Bad input: says what was wrong, what was found, what is allowed and what to do. Exit status 2.

    Args:
        what: the thing that is wrong, e.g. ``"site.toml: halls[0].design_it_kw"``.
        found: what stands there.
        allowed: what may stand there.
        do: what the reader should do next.
    """

    exit_status = 2

    def __init__(self, what: str, *, found: str, allowed: str, do: str) -> None:
        self.what, self.found, self.allowed, self.do = what, found, allowed, do
        super().__init__(f"{what}: found {found}; allowed is {allowed}; {do}.")

    def __reduce__(self) -> tuple[object, ...]:
        """Keep keyword arguments through pickling (errors cross process borders)."""
        return (_input_error, (self.what, self.found, self.allowed, self.do))


def _input_error(what: str, found: str, allowed: str, do: str) -> InputError:
    return InputError(what, found=found, allowed=allowed, do=do)


class ServiceError(JoulecastError):
    """A server that we need (database, broker, a child process) did not do its part. Exit status 1."""


class NotReadyError(JoulecastError):
    """There is not enough data yet for what was asked: says what is missing and when it may be there."""

"""Heavy work in a process of its own: its memory goes with it, and it never outlives who asked for it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Final, TypeVar

from core.errors import JoulecastError, NotReadyError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

LOOK_WALL_S: Final = 0.2
"""How often it is looked whether to give up [wall s]."""
END_WALL_S: Final = 5.0
"""So long a child may take to end after its answer [wall s]."""

Answer = TypeVar("Answer")


def call(work: Callable[..., Answer], *arguments: Any, stop: threading.Event | None = None) -> Answer:
    """The work's result, made in a child process that is gone afterwards.

    Args:
        work: a function of a module.
        arguments: what it gets; they are copied to the child.
        stop: ends the child at once when it is set.

    Raises:
        JoulecastError: as the work raised it.
        NotReadyError: it was stopped before its end.
        ServiceError: the child failed in another way; its log has the traceback.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    answers, theirs = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_work, args=(theirs, work, arguments), name=work.__name__)
    child.start()
    theirs.close()
    try:
        while not wait((answers, child.sentinel), LOOK_WALL_S):
            if stop is not None and stop.is_set():
                raise _stopped(work)
        answer = _received(answers)
        child.join(END_WALL_S)
    finally:
        child.kill()
        child.join()
        answers.close()
    if isinstance(answer, JoulecastError):
        raise answer
    if answer is None:
        if stop is not None and stop.is_set():
            raise _stopped(work)
        raise ServiceError(f"{work.__name__}: its process ended with status {child.exitcode} and no result")
    result: Answer = answer
    return result


def _received(answers: Connection) -> Any:
    """What the child sent; None where it ended without a word."""
    try:
        return answers.recv()
    except EOFError:
        return None


def _stopped(work: Callable[..., Any]) -> NotReadyError:
    return NotReadyError(f"{work.__name__} was stopped before its end")


def _work(answers: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Run in the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answers.send(work(*arguments))
    except JoulecastError as error:
        answers.send(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # at once: what the database has not been told to keep, it forgets

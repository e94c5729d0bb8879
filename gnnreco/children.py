"""Processes of our own: started afresh, so that no thread or lock is inherited, each with a pipe to its starter."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any


def started(work: Callable[..., None], given: Any) -> tuple[BaseProcess, Connection]:
    """Start a process.

    Parameters
    ----------
    work : callable (connection, given)
        A function of a module, called there with the other end of the pipe.
    given : object
        Sent there with it.

    Returns
    -------
    process : BaseProcess
        It is killed when this process ends in the orderly way.
    connection : Connection
        Ends when the process does.
    """
    context = multiprocessing.get_context("spawn")
    connection, other = context.Pipe()
    process = context.Process(target=work, args=(other, given), daemon=True)
    with _without_main():
        process.start()
    other.close()  # so that the connection ends when the process does
    return process, connection


@contextmanager
def _without_main() -> Iterator[None]:
    """Have processes that start within the block not run the user's own program again, which they do not need.

    A script without ``if __name__ == "__main__":`` would begin its work anew in each of them.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main

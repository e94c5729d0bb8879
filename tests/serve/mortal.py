"""A server whose task is told to hang or to die at some events."""

from __future__ import annotations

from multiprocessing.connection import Connection

from gnnreco.cli import start
from gnnreco.serve import worker
from gnnreco.tasks import registry
from tests.reconstruct.toy import KIND

_work_with = worker.work_with


def toy_work(connection: Connection, setup: worker.Setup) -> None:
    """What a worker does that must be told of the task of the tests first."""
    registry.TASKS["one-track"] = KIND
    _work_with(connection, setup)


def entry() -> None:
    """The command line, whose servers know the task of the tests."""
    worker.work_with = toy_work
    start.entry()

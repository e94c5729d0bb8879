"""The errors gnnreco raises on purpose: each names the place and the remedy, so a user never needs the traceback."""

from __future__ import annotations

from pathlib import Path


class GnnrecoError(Exception):
    """Base of every error that the command line turns into one line on stderr and exit status 2."""

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        # From a worker process an error comes back by what it was made from, not by its message.
        return type(self), tuple(vars(self).values()) or self.args


class BadInput(GnnrecoError):
    """A file that cannot be read as what it claims to be.

    Parameters
    ----------
    file : path or str
        The file (or folder, or glob) that is at fault.
    where : str
        Line, column, event or row group: as close to the fault as the reader knows.
    why : str
        What is wrong and what to do about it.
    """

    def __init__(self, file: str | Path, where: str, why: str) -> None:
        self.file, self.where, self.why = str(file), where, why
        super().__init__(f"{file}: {where}: {why}" if where else f"{file}: {why}")


class Unreachable(BadInput):
    """A file on another machine that did not come: no event is at fault, and a job ends here rather than fail at each."""


class BadGeometry(GnnrecoError):
    """A detector description that contradicts itself; `where` names the sensor, cell or line."""

    def __init__(self, file: str | Path, where: str, why: str) -> None:
        self.file, self.where, self.why = str(file), where, why
        super().__init__(f"{file}: {where}: {why}" if where else f"{file}: {why}")


class BadBundle(GnnrecoError):
    """A model bundle that is damaged, incomplete, or made for something else."""

    def __init__(self, bundle: str | Path, why: str) -> None:
        self.bundle, self.why = str(bundle), why
        super().__init__(f"bundle {bundle}: {why}")


class CannotWrite(GnnrecoError):
    """A file that cannot be written: a full disk, a folder that is read-only."""

    def __init__(self, file: str | Path, why: str) -> None:
        self.file, self.why = str(file), why
        super().__init__(f"{file}: {why}")


class Stopped(GnnrecoError):
    """A job that was asked to stop, and did so in a state from which it can go on."""

    def __init__(self, place: str | Path, done: int, total: int) -> None:
        self.place, self.done, self.total = str(place), done, total
        super().__init__(f"{place}: stopped after {done:,} of {total:,} events; go on with resume=True")


class BadConfig(GnnrecoError):
    """A configuration key that does not exist or a value of the wrong kind."""


class OverBudget(GnnrecoError):
    """A graph with more edges than its budget: reported with its event, never cut in silence."""

    def __init__(self, event: int, what: str, needed: int, budget: int) -> None:
        self.event, self.what, self.needed, self.budget = event, what, needed, budget
        super().__init__(
            f"event {event}: {needed:,} {what}, over the budget of {budget:,}; "
            "raise the budget or check for noise (gnnreco bundle set --help)"
        )


class MissingTool(GnnrecoError):
    """A program that is not installed, too old, or failed; `how` says how to get it or what it said."""

    def __init__(self, tool: str, how: str) -> None:
        self.tool, self.how = tool, how
        super().__init__(f"{tool}: {how}")

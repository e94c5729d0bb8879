"""How much a verb says on stderr, and where it is kept: `-q`, `-v` and `--log FILE`."""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase
from typing import TextIO

CLOCK = "%Y-%m-%d %H:%M:%S"


class _Stderr(TextIOBase):
    """Stderr of a verb: hands on what is said unless it shall be quiet, and keeps whole lines in the log."""

    def __init__(self, there: TextIO, quiet: bool, log: TextIO | None) -> None:
        self.there, self.quiet, self.log, self.rest = there, quiet, log, ""

    def write(self, text: str) -> int:
        if not self.quiet:
            self.there.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if "\r" not in line:  # progress bars draw over themselves
                self.keep(line)
        return len(text)

    def keep(self, line: str) -> None:
        """Write a line to the log alone."""
        if self.log is not None and line:
            self.log.write(f"{time.strftime(CLOCK)} {line.removeprefix('gnnreco: ')}\n")
            self.log.flush()

    def say(self, line: str) -> None:
        """Write a note."""
        self.write(f"gnnreco: {line}\n")
        self.flush()

    def flush(self) -> None:
        self.there.flush()

    def isatty(self) -> bool:
        return not self.quiet and self.there.isatty()

    def fileno(self) -> int:
        return self.there.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream beneath: bars are drawn with it."""
        return self.there.encoding


def insist(line: str) -> None:
    """Write an error of an event to stderr, which `-q` does not keep back."""
    if isinstance(sys.stderr, _Stderr):
        sys.stderr.there.write(f"gnnreco: {line}\n")
        sys.stderr.keep(line)
    else:
        print("gnnreco:", line, file=sys.stderr)


@contextmanager
def voice(args: argparse.Namespace) -> Iterator[None]:
    """While a verb runs: its notes, and those of `logging` under the name gnnreco, go where the options say.

    One line for each step is said where no bar shows it: where stderr is no terminal, and with ``--verbose``.
    """
    quiet, verbose = getattr(args, "quiet", False), getattr(args, "verbose", False)
    file = getattr(args, "log", None)
    log: TextIO | None = None
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        log = file.open("a", encoding="utf-8")
    stream, before = _Stderr(sys.stderr, quiet, log), sys.stderr
    logger = logging.getLogger("gnnreco")
    handler, level = _Lines(stream, aloud=verbose or not stream.isatty()), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    sys.stderr = stream
    began = time.monotonic()
    stream.keep(args.command)
    try:
        yield
        stream.keep(f"done in {time.monotonic() - began:.1f} s")
    except BaseException as error:
        stream.keep(f"ended after {time.monotonic() - began:.1f} s: {type(error).__name__}: {error}")
        if verbose and isinstance(error, Exception):
            traceback.print_exc(file=before)
        raise
    finally:
        sys.stderr = before
        logger.removeHandler(handler)
        logger.setLevel(level)
        if log is not None:
            log.close()


class _Lines(logging.Handler):
    """Says each record as a note, or keeps it in the log alone."""

    def __init__(self, stream: _Stderr, aloud: bool) -> None:
        super().__init__()
        self.stream, self.aloud = stream, aloud

    def emit(self, record: logging.LogRecord) -> None:
        say = self.stream.say if self.aloud else self.stream.keep
        say(record.getMessage())

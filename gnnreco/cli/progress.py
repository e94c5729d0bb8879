"""Progress bars on a terminal, a line a minute elsewhere; who waits for the compiler is told so in both."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .table import one_line

if TYPE_CHECKING:
    from gnnreco.kernels.notice import Notice

#: Seconds between two lines of progress where there is no terminal.
LINE_S = 60.0


def compiling() -> Notice:
    """Within a ``with`` block, a line on stderr says when kernels are compiled."""
    from gnnreco.kernels.notice import Notice

    return Notice(_say)


class Progress:
    """A bar on a terminal, a line a minute elsewhere. In between it says when kernels are compiled."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.bar: Any = None
        self._notice: Any = None
        self._said = time.monotonic()

    def __enter__(self) -> Progress:
        from gnnreco.kernels.notice import Notice

        self._notice = Notice(self.say).__enter__()
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(unit=self.unit, leave=False)
        return self

    def counted(self, done: int, total: int) -> None:
        """Move the bar."""
        self._step(done, total, self.unit)

    def named(self, what: str, done: int, total: int) -> None:
        """Move the bar and say what is being done."""
        if self.bar is not None:
            self.bar.set_description(what, refresh=False)
        self._step(done, total, what)

    def line(self, text: str, done: int, total: int) -> None:
        """Move the bar, with words of one's own beside it."""
        if self.bar is None:
            self._say_at_times(text)
            return
        self.bar.bar_format = "{percentage:3.0f} %|{bar}| " + text.replace("{", "{{").replace("}", "}}")
        self.bar.total = total or None
        self.bar.n = done
        self.bar.refresh()

    def _step(self, done: int, total: int, what: str) -> None:
        if self.bar is None:
            self._say_at_times(f"{what}: {done:,}{f' of {total:,}' if total else ''}")
            return
        self.bar.total = total or None
        self.bar.update(done - self.bar.n)

    def _say_at_times(self, text: str) -> None:
        if time.monotonic() - self._said >= LINE_S:
            self._said = time.monotonic()
            _say(text)

    def say(self, what: str) -> None:
        """A line on stderr, above the bar where there is one."""
        if self.bar is None:
            _say(what)
        else:
            self.bar.write(f"gnnreco: {what}", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        self._notice.__exit__()
        if self.bar is not None:
            self.bar.close()


class News:
    """What a job of `reconstruct` tells, for who waits for it: a bar on a terminal, elsewhere a line a minute, and its logs.

    Entering gives what is called with each of the news.
    """

    def __init__(self, log_json: str | None, prometheus: Path | None) -> None:
        self._files = log_json, prometheus
        self._bar = Progress("event")
        self._listening: Any = None
        self._report: dict[str, Any] = {}

    def __enter__(self) -> Callable[[Mapping[str, Any]], None]:
        from gnnreco.files.news import listening

        self._listening = listening(*self._files, self._tell)
        self._bar.__enter__()
        return self._listening.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)
        self._listening.__exit__(*error)

    def say(self, what: str) -> None:
        """A line on stderr, above the bar where there is one."""
        self._bar.say(what)

    def say_report(self) -> None:
        """What the job took, in a few lines on stderr."""
        from gnnreco.reconstruct.observe import in_short

        for line in in_short(self._report):
            print("gnnreco:", one_line(line), file=sys.stderr)

    def _tell(self, news: Mapping[str, Any]) -> None:
        if news["kind"] == "end":
            self._report = news["report"]
        if news["kind"] == "progress":
            self._bar.line(_progress_line(news), news["done"], news["total"])


def _progress_line(news: Mapping[str, Any]) -> str:
    """How far a job is, how fast, how long it will take, and what failed."""
    failed = f", {news['failed']:,} failed" if news["failed"] else ""
    left = "" if news["seconds_left"] is None else f", {_clock(news['seconds_left'])} left"
    return f"{news['done']:,} of {news['total']:,} events{failed}, {news['events_per_second']:.3g} events/s{left}"


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def _say(what: str) -> None:
    print("gnnreco:", what, file=sys.stderr, flush=True)


def later_bar(unit: str) -> Callable[[str, int, int], None]:
    """Draws a bar when it is first told ``(what, done, total)``, and takes it away when all is done."""
    drawn: list[Progress] = []

    def tell(what: str, done: int, total: int) -> None:
        if not drawn:
            drawn.append(Progress(unit).__enter__())
        drawn[0].named(what, done, total)
        if done == total:
            drawn.pop().__exit__()

    return tell


def bar(total: int, unit: str) -> Callable[[Any], Iterator[Any]]:
    """Wraps an iterator in a bar."""

    def told(items: Iterable[Any]) -> Iterator[Any]:
        with Progress(unit) as progress:
            for done, item in enumerate(items, 1):
                yield item
                progress.counted(done, total)

    return told

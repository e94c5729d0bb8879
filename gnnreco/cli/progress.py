"""Progress bars on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class Progress:
    """A bar on a terminal; entering gives None where stderr is no terminal."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.bar: Any = None

    def __enter__(self) -> Progress | None:
        if not sys.stderr.isatty():
            return None
        from tqdm import tqdm

        self.bar = tqdm(unit=self.unit, leave=False)
        return self

    def counted(self, done: int, total: int) -> None:
        """Move the bar."""
        self.bar.total = total or None
        self.bar.update(done - self.bar.n)

    def named(self, what: str, done: int, total: int) -> None:
        """Move the bar and say what is being done."""
        self.bar.set_description(what, refresh=False)
        self.counted(done, total)

    def say(self, what: str) -> None:
        """A line on stderr, above the bar where there is one."""
        if self.bar is None:
            print("gnnreco:", what, file=sys.stderr, flush=True)
        else:
            self.bar.write(f"gnnreco: {what}", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


def bar(total: int, unit: str) -> Callable[[Any], Any]:
    """Wraps an iterator in a bar on a terminal."""
    from tqdm import tqdm

    return lambda items: tqdm(items, total=total, unit=unit, leave=False, disable=not sys.stderr.isatty())

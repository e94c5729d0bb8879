"""A folder that is watched: each file of events that comes in is a request, its answer goes into another folder."""

from __future__ import annotations

import asyncio
import glob
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from gnnreco.errors import CannotWrite
from gnnreco.files.atomic import write_file

#: Seconds between two looks; a file that was changed between them is still being written.
LOOK_S = 0.1
#: How names end that programs give to what they have not finished.
UNFINISHED = (".part", ".tmp", ".partial", "~")

#: Of a file: its size and when it was changed, ns.
State = tuple[int, int]


async def watch(
    folder: Path,
    output: Path,
    ask: Callable[[bytes, asyncio.Future[bytes]], Awaitable[None]],
    stop: asyncio.Event,
    say: Callable[[str], None],
) -> None:
    """Ask for what each file holds, the oldest first; ``NAME.json`` in `output` is its answer, and there last.

    What has an answer is not asked for again, also by later servers.

    Raises
    ------
    OSError
        If the folder is gone.
    """
    answered = {file.name.removesuffix(".json") for file in output.glob("*.json")}
    before: Mapping[str, State] = {}
    while not stop.is_set():
        now = _waiting(folder, answered)
        ready = sorted((state[1], name) for name, state in now.items() if before.get(name) == state)
        before = now
        for _, name in ready:
            if stop.is_set():
                break
            for left in output.glob(f"{glob.escape(name)}.*.parquet"):  # of a server that was killed
                left.unlink()
            answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            request = {"id": name, "input": str(folder / name), "output": str(output / name)}
            await ask(json.dumps(request).encode(), answer)
            answered.add(name)
            try:
                write_file(output / f"{name}.json", await answer + b"\n")
            except CannotWrite as error:
                say(f"the answer to {name} is lost: {error}")
        if not ready:
            await asyncio.sleep(LOOK_S)


def _waiting(folder: Path, answered: set[str]) -> dict[str, State]:
    """The files that have no answer."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name in answered or name.startswith(".") or name.endswith(UNFINISHED):
                continue
            try:
                if entry.is_file(follow_symlinks=False):
                    state = entry.stat(follow_symlinks=False)
                    found[name] = (state.st_size, state.st_mtime_ns)
            except OSError:  # it has just gone
                continue
    return found

"""Any track finder that is a program: hits in as CSV, tracks out as CSV, time and memory by the kernel's count."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from contenders import one_library_thread

from gnnreco.columns import Event, Ints, Tracks
from gnnreco.errors import BadConfig, BadInput, MissingTool
from gnnreco.events.readers.table import INT, read_table
from gnnreco.events.write import write_trackml
from gnnreco.geometry import Detector

LAUNCHER = Path(__file__).with_name("child_cost.py")
PLACES = ("{hits}", "{tracks}")
LAST_WORDS = 200  # bytes of what a program said last


class Cost(NamedTuple):
    """What a process took: CPU seconds, seconds, peak memory in MiB, exit status."""

    cpu_seconds: float
    seconds: float
    peak_mib: float
    status: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A track finder.

    Attributes
    ----------
    command : tuple of str
        Words of its command line, with ``{hits}`` and ``{tracks}`` where the names of the files go.
    timeout : float
        Seconds that it may take for one event.
    unassigned : int, optional
        Number of a track by which the program means none; negative numbers always do.
    """

    command: tuple[str, ...]
    timeout: float = 600.0
    unassigned: int | None = None

    @classmethod
    def parse(cls, line: str, timeout: float = 600.0, unassigned: int | None = None) -> Program:
        """A program by its command line, split as a shell does; no shell runs it."""
        missing = [place for place in PLACES if place not in line]
        if missing:
            raise BadConfig(
                f"program '{line}': no {' and no '.join(missing)}; write them where the names of the files go"
            )
        try:
            return cls(tuple(shlex.split(line)), timeout, unassigned)
        except ValueError as error:
            raise BadConfig(f"program '{line}': {error}; close the quotes") from None

    @property
    def name(self) -> str:
        """The name of the executable."""
        return Path(self.command[0]).name

    def find(self, event: Event, detector: Detector, work: Path) -> tuple[Tracks, Cost]:
        """Write the hits of an event to a folder, run the program, read its tracks.

        The hits are numbered from 1 in the order of the event, as in the files of TrackML, whatever their ids are.

        Raises
        ------
        MissingTool
            The program cannot be started, takes too long, or fails.
        BadInput
            Its tracks are missing, cut off, or not of this event.
        """
        work.mkdir(parents=True, exist_ok=True)
        count = np.arange(1, len(event.hits) + 1)
        hits = replace(event.hits, hit_id=count, deposits=None)
        write_trackml(work, replace(event, hits=hits, truth=None), detector)
        files = {"hits": work / f"event{event.number:09d}-hits.csv", "tracks": work / "tracks.csv"}
        files["tracks"].unlink(missing_ok=True)  # those of an earlier run
        words = [self._filled(word, files) for word in self.command]
        where = f"event {event.number}"
        cost = run_measured(words, work, self.timeout, self.name, where)
        if cost.status:
            told = _told(cost.status, work)
            how = f"run it by hand on {files['hits']}, which --work FOLDER keeps"
            raise MissingTool(self.name, f"{where}: {told}; {how}")
        return read_found(files["tracks"], event, self.name, self.unassigned), cost

    @staticmethod
    def _filled(word: str, files: dict[str, Path]) -> str:
        for name, file in files.items():
            word = word.replace("{" + name + "}", str(file.resolve()))
        return word


def run_measured(words: Sequence[str], work: Path, timeout: float | None, name: str, where: str) -> Cost:
    """Run a program on one core, in a group of processes that ends with it; raises `MissingTool` where it never ended."""
    figures, errors = work / "cost.txt", work / "stderr.txt"
    figures.unlink(missing_ok=True)
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(figures), *words]
    with (
        errors.open("wb") as said,
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=said, env=one_library_thread(1), start_new_session=True
        ) as launcher,
    ):
        try:
            launcher.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(launcher.pid, signal.SIGKILL)
            raise MissingTool(
                name, f"{where}: not done after {timeout:g} s and stopped; allow more with --timeout"
            ) from None
        except BaseException:  # the user stopped this process: the program must not go on
            os.killpg(launcher.pid, signal.SIGKILL)
            raise
    if not figures.exists():
        raise MissingTool(
            name,
            f"{where}: {_last_words(work) or 'stopped from outside'}; give the path of a program that may be run",
        )
    status, cpu, seconds, peak = figures.read_text().split()
    return Cost(float(cpu), float(seconds), float(peak), int(status))


def _told(status: int, work: Path) -> str:
    """How a program failed, and its last words."""
    how = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
    words = _last_words(work)
    return f"{how} ({words})" if words else how


def _last_words(work: Path) -> str:
    """The end of what a program wrote to standard error, in one line."""
    text = (work / "stderr.txt").read_bytes()[-LAST_WORDS:].decode(errors="replace").strip()
    return text.splitlines()[-1].strip() if text else ""


def read_found(file: Path, event: Event, name: str, unassigned: int | None = None) -> Tracks:
    """Read ``hit_id,track_id``, a row for each hit that is on a track; hits count from 1 in the order of the event.

    Returns
    -------
    Tracks
        Hit lists without parameters, in the order of their numbers.

    Raises
    ------
    BadInput
        With the program's name and the event.
    """
    where = f"event {event.number}"
    if not file.exists():
        raise BadInput(name, where, f"no tracks written; its command line must have it write {PLACES[1]}")
    try:
        table = read_table(file, {"hit_id": INT, "track_id": INT})
    except BadInput as error:
        place = f"{where}, its tracks, {error.where}" if error.where else f"{where}, its tracks"
        raise BadInput(name, place, error.why) from None
    hit, track = table["hit_id"], table["track_id"]
    foreign = hit[(hit < 1) | (hit > len(event.hits))]
    if len(foreign):
        why = f"{len(foreign):,} rows of hits that the event does not have (first: hit {foreign[0]}; it has 1 to "
        raise BadInput(name, where, f"{why}{len(event.hits):,}); give hit_id as it stands in {PLACES[0]}")
    on_track = (track >= 0) & (track != (-1 if unassigned is None else unassigned))
    hit, track = hit[on_track], track[on_track]
    _check_once(hit, track, name, where)
    order = np.argsort(track, kind="stable")
    _, size = np.unique(track, return_counts=True)
    offsets: Ints = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    return Tracks(offsets=offsets, hit_index=hit[order] - 1)


def _check_once(hit: Ints, track: Ints, name: str, where: str) -> None:
    order = np.argsort(hit, kind="stable")
    again = np.flatnonzero(np.diff(hit[order]) == 0)
    if len(again):
        first, second = order[again[0]], order[again[0] + 1]
        why = f"{len(again):,} hits repeated (first: hit {hit[first]}, on tracks {track[first]} and {track[second]})"
        raise BadInput(name, where, f"{why}; as in TrackML, give a hit to one track, once")

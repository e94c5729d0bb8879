"""What a job is made of, as plain values that can travel to another process: its lots of events, and their accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypedDict

from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.kernels.timer import Timer
from gnnreco.pipeline import Engine

from .workers.mark import Mark


@dataclass(frozen=True, slots=True)
class Job:
    """What all shards share. Every field is plain, so a job can travel to another process or machine.

    Attributes
    ----------
    inputs, detector, bundles : str
        As the user named them.
    threads : int
        Of each process.
    any_detector : bool
        Whether the bundle may come from another detector.
    cells : bool
        Whether the cells of the hits are read.
    identities : tuple of str
        By stage, a sum over all that decides what comes out.
    engine : {"native", "onnx"}
        What runs the networks.
    columns : str
        Of a user's own tables: see `gnnreco.events.open_events`.
    brings : tuple of type
        What the events have in ``found`` already: see `gnnreco.events.EventSource`.
    scorer : (file, sha256), optional
        What takes the place of the network of tracks: see `gnnreco.bundle.edge_scorer`.
    limit : float, optional
        Seconds after which a process that is at the same event still is ended.
    """

    inputs: tuple[str, ...]
    detector: str
    bundles: tuple[str, ...]
    threads: int
    any_detector: bool
    cells: bool
    identities: tuple[str, ...]
    engine: Engine = "native"
    columns: str = ""
    brings: tuple[type, ...] = ()
    scorer: tuple[str, str] | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """Events ``start:stop`` of the inputs, the file of one stage for them, and a sum over all that decides its content."""

    start: int
    stop: int
    numbers: tuple[int, ...]
    file: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Lot:
    """The shards of the same events, one for each stage; None for a stage whose file is there.

    Attributes
    ----------
    shards : tuple of Shard or None
    files : tuple of str
        All that belong to the events, of which sums are taken.
    opened : tuple of str
        Those of them that are opened as events: others, of their truth, are found beside these.
    places : tuple of (source, row)
        Where in these each event lies.
    names : tuple of str
        Of the file that holds each event, as outputs tell it.
    begun : int
        Number of events that an earlier run, which was stopped, left in files of their own: see `partial`.
    quarantined : tuple of (position, reason)
        Events that are not tried, since a process died of them: counted from the first of the lot.
    trial : int, optional
        Position of the only event to be tried, alone, of which nothing is written.
    """

    shards: tuple[Shard | None, ...]
    files: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    places: tuple[tuple[str, int], ...] = ()
    names: tuple[str, ...] = ()
    begun: int = 0
    quarantined: tuple[tuple[int, str], ...] = ()
    trial: int | None = None

    @property
    def due(self) -> tuple[Shard, ...]:
        """Those that are to be made."""
        return tuple(shard for shard in self.shards if shard is not None)

    @property
    def mark(self) -> Mark:
        """Where its process tells which event it works on."""
        first = self.due[0]
        return Mark.of(Path(first.file))


class FileSum(TypedDict):
    """Size and sha256 of a file."""

    bytes: int
    sha256: str


class InputSum(FileSum):
    """The same of a file of events, and when it was changed last: a file of the same time is not summed up again."""

    mtime_ns: int


#: Kind of the failure of an event of which its process died, and of one whose process is gone.
QUARANTINED, LOST = "Quarantined", "Lost"


class Failure(TypedDict):
    """An event that failed: where it came from, its number, the class of the error, and what it said."""

    source: str
    event: int
    kind: str
    reason: str


@dataclass(slots=True)
class Account:
    """What became of the events of a shard; kept in its file, so a resumed run still knows.

    The sums are of the file; neither they nor those of the `inputs` are in it. It is a `draft` until it is published.
    """

    fingerprint: str
    job: str = ""
    events_in: int = 0
    events_out: int = 0
    bytes: int = 0
    sha256: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    left_aside: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, InputSum] = field(default_factory=dict)
    draft: str = ""

    def add(self, counts: Mapping[str, int]) -> None:
        """Count hits and objects of one more event."""
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def note(self) -> JsonDict:
        """Plain values, the counts beside the others."""
        head = {name: getattr(self, name) for name in ("fingerprint", "job", "events_in", "events_out")}
        return {**head, **self.counts, "failures": self.failures, "left_aside": self.left_aside}

    @classmethod
    def from_note(cls, note: JsonMapping) -> Account:
        """What `note` gave."""
        own = {f.name: note[f.name] for f in fields(cls) if f.name in note}
        return cls(**own, counts={name: value for name, value in note.items() if name not in own})


@dataclass(slots=True)
class Timing:
    """What one event took in one stage, s; cold if kernels were compiled or loaded in it, which the seconds leave out."""

    source: str
    event: int
    hits: int
    read_seconds: float
    seconds: float = 0.0
    cold: bool = False


@dataclass(slots=True)
class LotCost:
    """What a lot took in all its stages together, s: to open bundles and files, to compile or load kernels, to write.

    `process` tells which one worked on it: ``host:pid``.
    """

    process: str = ""
    seconds: float = 0.0
    open_seconds: float = 0.0
    compile_seconds: float = 0.0
    write_seconds: float = 0.0


@dataclass(slots=True)
class Cost:
    """What a shard took: seconds to read, seconds and CPU seconds from hits to tracks, peak memory.

    A process needs some of it only once: an event in which kernels are compiled or loaded (`warm_up_seconds`) also waits for
    modules and memory, so such events are summed apart, as cold ones. `times` has each event, and `lot` is the same for all
    stages; an earlier run that was stopped reported `failed_before` failures of the shard.
    """

    read_seconds: float = 0.0
    events: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cold_events: int = 0
    cold_seconds: float = 0.0
    cold_cpu_seconds: float = 0.0
    warm_up_seconds: float = 0.0
    warm_up_cpu_seconds: float = 0.0
    peak_rss_gib: float = 0.0
    times: list[Timing] = field(default_factory=list)
    lot: LotCost = field(default_factory=LotCost)
    failed_before: int = 0

    def add(self, timer: Timer) -> None:
        """Count an event that was reconstructed."""
        if timer.warm_up_seconds:
            self.cold_events += 1
            self.cold_seconds += timer.seconds
            self.cold_cpu_seconds += timer.cpu_seconds
        else:
            self.events += 1
            self.seconds += timer.seconds
            self.cpu_seconds += timer.cpu_seconds
        self.add_warm_up(timer)

    def add_warm_up(self, timer: Timer) -> None:
        """Count what went into kernels."""
        self.warm_up_seconds += timer.warm_up_seconds
        self.warm_up_cpu_seconds += timer.warm_up_cpu_seconds


Result = tuple[Shard, Account, Cost]
#: What is called now and then while lots run, so that whoever waits can tell how far they are.
Tick = Callable[[], None]


def no_tick() -> None:
    """Nobody waits."""


def partial(shard: Shard) -> Path:
    """The file of the first events of a shard, where its job was stopped in the middle of it."""
    file = Path(shard.file)
    return file.with_name(file.name.replace("shard", "partial"))

"""Who listens to a job or a server: a log of JSON lines, a text file for Prometheus. Each gets the news as plain values."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from gnnreco.errors import BadInput, CannotWrite
from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import JsonMapping

#: Called with each of the news; `time` (s since 1970) and `kind` are in all of them.
Listener = Callable[[JsonMapping], None]
#: Seconds between two lines of progress in a log, and between two versions of a text file.
LOG_S, TEXTFILE_S = 10.0, 5.0
#: Name, type and meaning of each number, and the key of the news that has it.
METRICS = (
    ("events", "gauge", "Events of the job.", "total"),
    ("events_done", "counter", "Events that came to an end.", "done"),
    ("events_failed", "counter", "Events that failed, or were quarantined.", "failed"),
    ("events_quarantined", "counter", "Events at which worker processes died or hung.", "quarantined"),
    ("events_per_second", "gauge", "Events of the last minute, a second.", "events_per_second"),
    ("requests", "counter", "Requests that were answered.", "requests"),
    ("requests_failed", "counter", "Requests whose answer is not ok.", "requests_failed"),
    ("requests_waiting", "gauge", "Requests in the line.", "waiting"),
    (
        "restarts",
        "counter",
        "Processes with the model that were started in place of one that was gone.",
        "restarts",
    ),
    ("request_p50_seconds", "gauge", "Time from a request to its answer: median of all.", "p50_seconds"),
    ("request_p90_seconds", "gauge", "The same, 90 % of all are below.", "p90_seconds"),
    ("request_p99_seconds", "gauge", "The same, 99 % of all are below.", "p99_seconds"),
    ("memory_bytes", "gauge", "Resident memory of all its processes on this machine.", "memory_bytes"),
    ("start_time_seconds", "gauge", "When it began, since 1970.", "started"),
    (
        "last_progress_time_seconds",
        "gauge",
        "When an event last came to an end, since 1970.",
        "last_progress",
    ),
    ("running", "gauge", "1 while it runs, 0 after its end.", "running"),
)
#: What of the start tells a job or a server from the others.
LABELS = ("output", "part", "detector", "socket", "watched")


class JsonLog:
    """One JSON object a line, added to a file, or to standard output where it is called ``-``.

    Each line is written at once and in one piece, by one process. What cannot be written later on, on a full disk, is said
    once and does not end the job.

    Parameters
    ----------
    file : path
        Is made where it does not exist.

    Raises
    ------
    BadInput
        If the file cannot be opened.

    Examples
    --------
    >>> import gnnreco
    >>> log = JsonLog("job.jsonl")
    >>> manifest = gnnreco.reconstruct("events", "telescope", "tracking-telescope", "logged", log=log)
    >>> log.close()
    """

    def __init__(self, file: str | Path) -> None:
        self.file = str(file)
        self._last = -LOG_S
        self._broken = False
        if self.file == "-":
            self._descriptor = sys.stdout.fileno()
            return
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = os.open(self.file, flags, 0o644)
        except OSError as error:
            raise BadInput(
                self.file, "", f"cannot be written ({error.strerror}); name another file for the log"
            ) from error

    def __call__(self, news: JsonMapping) -> None:
        if news["kind"] == "progress":
            if time.monotonic() - self._last < LOG_S:
                return
            self._last = time.monotonic()
        when = datetime.fromtimestamp(news["time"], UTC).isoformat(timespec="milliseconds")
        line = json.dumps({**news, "time": when.replace("+00:00", "Z")}, allow_nan=False)
        try:
            os.write(self._descriptor, line.encode() + b"\n")
        except OSError as error:
            if not self._broken:
                self._broken = True
                print(f"gnnreco: {self.file}: the log cannot be written ({error.strerror})", file=sys.stderr)

    def close(self) -> None:
        """Nothing more comes."""
        if self.file != "-":
            os.close(self._descriptor)


class Textfile:
    """Numbers for the textfile collector of Prometheus' node_exporter, which reads all files ``*.prom`` of its folder.

    The file is replaced in one step, about every `TEXTFILE_S` seconds.

    Parameters
    ----------
    file : path
        A name that ends in ``.prom``.

    Raises
    ------
    BadInput
        If the name does not end in ``.prom``, or the file cannot be written.

    Examples
    --------
    >>> import gnnreco
    >>> numbers = Textfile("job.prom")
    >>> manifest = gnnreco.reconstruct("events", "telescope", "tracking-telescope", "watched", log=numbers)
    """

    def __init__(self, file: str | Path) -> None:
        self.file = Path(file).absolute()  # a job may be done again from another folder
        self._last = -TEXTFILE_S
        self._known: dict[str, object] = {}
        self._labels = ""
        if self.file.suffix != ".prom":
            why = "node_exporter reads only files *.prom; name one, such as job.prom"
            raise BadInput(self.file, "", why)
        if not os.access(self.file.parent, os.W_OK):
            why = "its folder cannot be written; name a file in the folder that node_exporter reads"
            raise BadInput(self.file, "", why)

    def __call__(self, news: JsonMapping) -> None:
        if news["kind"] == "start":
            labels = {name: str(news[name] or "") for name in LABELS if name in news}
            self._labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
        elif news["kind"] not in ("progress", "end"):
            return
        self._known |= {key: news[key] for *_, key in METRICS if news.get(key) is not None}
        if news["kind"] == "progress" and time.monotonic() - self._last < TEXTFILE_S:
            return
        self._last = time.monotonic()
        with suppress(CannotWrite):  # its age tells
            write_file(self.file, self._text())

    def _text(self) -> str:
        lines = []
        for name, kind, meaning, key in METRICS:
            if key in self._known:
                full = f"gnnreco_{name}{'_total' if kind == 'counter' else ''}"
                lines += [f"# HELP {full} {meaning}", f"# TYPE {full} {kind}"]
                lines += [f"{full}{{{self._labels}}} {_number(self._known[key])}"]
        return "\n".join(lines) + "\n"


def _number(value: object) -> str:
    return repr(float(value)) if isinstance(value, float) else str(int(value))  # type: ignore[call-overload]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@contextmanager
def listening(log_json: str | None, prometheus: Path | None, *others: Listener) -> Iterator[Listener]:
    """What tells each of the news to all: to the log and the text file whose names are given, and to others."""
    log = JsonLog(log_json) if log_json else None
    files = log, Textfile(prometheus) if prometheus else None
    listeners = [*(listener for listener in files if listener is not None), *others]

    def tell(news: JsonMapping) -> None:
        for listener in listeners:
            listener(news)

    try:
        yield tell
    finally:
        if log is not None:
            log.close()


def memory_bytes() -> int:
    """Resident memory of this process and its workers now; 0 where the system does not say."""
    processes = [os.getpid(), *(p.pid for p in multiprocessing.active_children() if p.pid)]
    pages = 0
    for process in processes:
        with suppress(OSError, ValueError, IndexError):
            pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

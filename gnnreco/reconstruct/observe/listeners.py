"""Who listens to a job: a log of JSON lines, a text file for Prometheus. Each gets the news as plain values."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gnnreco.errors import BadInput, CannotWrite
from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import JsonMapping

#: Called with each of the news of a job; `time` (s since 1970) and `kind` are in all of them.
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
    ("memory_bytes", "gauge", "Resident memory of all processes of the job on this machine.", "memory_bytes"),
    ("start_time_seconds", "gauge", "When the job began, since 1970.", "started"),
    (
        "last_progress_time_seconds",
        "gauge",
        "When an event last came to an end, since 1970.",
        "last_progress",
    ),
    ("running", "gauge", "1 while the job runs, 0 after its end.", "running"),
)


class JsonLog:
    """One JSON object a line, added to a file, or to standard output where it is called ``-``.

    Each line is written at once and in one piece, by one process. What cannot be written later on, on a full disk, is said
    once and does not end the job.

    Raises
    ------
    BadInput
        If the file cannot be opened.
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

    Raises
    ------
    BadInput
        If the name does not end in ``.prom``, or the file cannot be written.
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
            labels = {"output": news["output"], "part": news["part"] or ""}
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

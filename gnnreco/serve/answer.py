"""From a request to its answer, in the process that holds the model: plain JSON in, plain JSON out."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Hits
from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.cells import sum_cells
from gnnreco.events.output_file import output_writer
from gnnreco.events.output_file.parquet import batch_of
from gnnreco.events.sensors import SensorFinder
from gnnreco.files.json_types import JsonDict
from gnnreco.pipeline import Outcome, Reconstructor
from gnnreco.tasks.layouts import layout_of

from .limits import Limits
from .request import REAL, REQUEST, WHOLE, failed, parsed, reason_of


@dataclass
class Answering:
    """Answers requests with a chain that is loaded once."""

    chain: Reconstructor
    limits: Limits

    def __post_init__(self) -> None:
        self._finder = SensorFinder(self.chain.detector)
        self._layouts = {stage.name: layout_of(stage.kind) for stage in self.chain.stages}

    def __call__(self, raw: bytes) -> bytes:
        """The answer to a request, each a line of JSON without its end."""
        begin, name = time.perf_counter(), None
        try:
            request = parsed(raw)
            name = request.get("id")
            answer = self._from_file(request) if "input" in request else self._from_hits(request)
        except Exception as error:  # whatever it is, the server goes on
            answer = failed(error)
        answer = {"id": name, **answer, "seconds": time.perf_counter() - begin}
        return json.dumps(answer, allow_nan=False).encode()

    def _from_hits(self, request: JsonDict) -> JsonDict:
        """The answer to an event that the request holds."""
        number = request.get("event", 0)
        event = self._event(number, request["hits"])
        told, failures = self._found(event, self.chain.run(event))
        return _answer([told], failures)

    def _from_file(self, request: JsonDict) -> JsonDict:
        """The answer to a file of events: what was found in each, or the files that hold it."""
        source = open_events(request["input"], self.chain.detector, truth=False)
        if len(source) > self.limits.events:
            why = f"holds {len(source):,} events, more than {self.limits.events:,}; use `gnnreco reconstruct`"
            raise BadInput(request["input"], "", why)
        events: list[JsonDict] = []
        failures: list[JsonDict] = []
        with ExitStack() as stack:
            add, files = self._writers(request.get("output"), stack)
            for i, number in enumerate(source.numbers):
                try:
                    event = source[i]
                    self._check_size(event)
                    outcomes = self.chain.run(event)
                except Exception as error:  # the other events of the file go on
                    failures.append({"event": number, **reason_of(error)})
                    continue
                told, bad = self._found(event, outcomes, brief=bool(files))
                events.append(told)
                failures += bad
                for task, outcome in outcomes.items():
                    if files and outcome.found is not None:
                        add[task]((event.number, Path(event.source).name, outcome.found))
        return _answer(events, failures, files)

    def _writers(self, output: str | None, stack: ExitStack) -> tuple[dict[str, Any], dict[str, str]]:
        """What adds an event to the file of each task, and the files; none where no output is asked for."""
        if output is None:
            return {}, {}
        files = {task: f"{output}.{task}.parquet" for task in self._layouts}
        there = next((file for file in files.values() if Path(file).exists()), None)
        if there is not None:
            raise BadInput(there, "", "is there already; name another output")
        add = {
            task: stack.enter_context(output_writer(self._layouts[task], file, {}))
            for task, file in files.items()
        }
        return add, files

    def _event(self, number: int, columns: Mapping[str, object]) -> Event:
        """The event that columns of hits describe."""
        given = {name: _column(name, values, name in WHOLE) for name, values in columns.items()}
        n = len(given["x"])
        for name, column in given.items():
            if len(column) != n:
                raise BadInput(REQUEST, f"hits.{name}", f"has {len(column)} numbers, but x has {n}")
        xyz = np.stack([given[name] for name in "xyz"], axis=1)
        ids = given.get("hit_id", np.arange(n))
        if len(np.unique(ids)) < n:
            raise BadInput(REQUEST, "hits.hit_id", "the same hit id twice")
        if "sensor" in given:
            sensor = self._finder.by_sensor_id(given["sensor"], xyz)
        else:
            sensor = self.chain.detector.locate(xyz)
        more = {name: given[name] for name in REAL[3:] if name in given}
        hits = Hits(ids, given["x"], given["y"], given["z"], sensor, **more)  # type: ignore[arg-type]
        event = Event(number, REQUEST, hits)
        self._check_size(event)
        return sum_cells(event, self.chain.detector)

    def _check_size(self, event: Event) -> None:
        if len(event.hits) > self.limits.hits:
            why = f"has {len(event.hits):,} hits, more than {self.limits.hits:,}"
            raise BadInput(event.source, f"event {event.number}", why)

    def _found(
        self, event: Event, outcomes: Mapping[str, Outcome], brief: bool = False
    ) -> tuple[JsonDict, list[JsonDict]]:
        """What was found in an event, of each task, and what failed; in brief only how many there are of each."""
        told: JsonDict = {"event": event.number, "source": event.source, "hits": len(event.hits)}
        told["hits_outside"] = int(np.count_nonzero(event.hits.sensor < 0))
        failures = []
        for task, outcome in outcomes.items():
            if outcome.error is not None or outcome.found is None:
                error = outcome.error or RuntimeError("found nothing")
                failures.append({"event": event.number, "task": task, **reason_of(error)})
            elif brief:
                told[task] = len(outcome.found)
            else:
                layout = self._layouts[task]
                row = batch_of(layout, layout.schema, [(event.number, "", outcome.found)]).to_pylist()[0]
                told[task] = {name: _finite(row[name]) for name in layout.schema.names[2:]}
        return told, failures


def _answer(
    events: list[JsonDict], failures: list[JsonDict], files: Mapping[str, str] | None = None
) -> JsonDict:
    more = {"files": dict(files)} if files else {}
    return {"ok": not failures, "events": events, "failures": failures, **more}


def _column(name: str, values: object, whole: bool) -> NDArray[Any]:
    kinds = {int} if whole else {int, float}
    if not isinstance(values, list) or not set(map(type, values)) <= kinds:
        raise BadInput(REQUEST, f"hits.{name}", f"is no list of {'whole ' if whole else ''}numbers")
    try:
        return np.array(values, np.int64 if whole else np.float64)
    except OverflowError:
        raise BadInput(REQUEST, f"hits.{name}", "holds a number that is too large") from None


def _finite(value: object) -> object:
    """A value of JSON, which has no NaN: null stands for it."""
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

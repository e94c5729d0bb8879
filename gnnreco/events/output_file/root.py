"""What was found in events as ROOT: a tree of one level of lists; lists of hits and vectors are flat in an event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonMapping

from .layout import NOTE, WHOLE, Layout, Row

SOURCES = "sources"  # the name beside the tree of what branch ``source`` counts
#: What the name of a list of whole numbers becomes for their number for each object, which ROOT needs to cut it.
COUNT = "n_{}"


def write_root(layout: Layout, path: Path, rows: Iterable[Row], note: JsonMapping) -> None:
    """Write objects of events; see `gnnreco.events.output_file.write_output`."""
    import awkward as ak
    import uproot

    rows = list(rows)
    found = [row[2] for row in rows]
    sources = list(dict.fromkeys(row[1] for row in rows))

    def jagged(arrays: list[NDArray], kind: type) -> ak.Array:
        flat = np.concatenate([np.zeros(0, kind), *(array.ravel().astype(kind) for array in arrays)])
        return ak.unflatten(flat, np.array([array.size for array in arrays], np.int64))

    branches = {
        "event": np.array([row[0] for row in rows], np.int64),
        "source": np.array([sources.index(row[1]) for row in rows], np.int64),
        layout.identifier: jagged([np.arange(len(f)) for f in found], np.int64),
        "n_hits": jagged([np.diff(f.offsets) for f in found], np.int64),
    }
    attributes = _attributes(layout)
    if any(f.hit_id is None and len(f.hit_index) for f in found):
        attributes.pop("hit_id")
    for name, attribute in attributes.items():
        lists = [getattr(f, attribute) for f in found]
        branches[name] = jagged([np.zeros(0) if values is None else values for values in lists], _kind(name))
    for name, attribute in layout.lists.items():
        branches[name] = jagged([getattr(f, attribute) for f in found], np.int64)
        branches[COUNT.format(name)] = jagged(
            [np.diff(getattr(f, f.OFFSETS[attribute])) for f in found], np.int64
        )
    with uproot.recreate(path) as file:
        file[layout.name] = branches
        file[SOURCES] = json.dumps(sources)
        file[NOTE] = json.dumps(note)


def read_root(layout: Layout, path: Path) -> Iterator[Row]:
    """Read what `write_root` wrote; raises `BadInput`."""
    import uproot

    try:
        with uproot.open(path) as file:
            tree = file[layout.name]
            sources = json.loads(str(file[SOURCES])) if SOURCES in file else None
            columns = {name: tree[name].array(library="np") for name in tree.keys()}  # noqa: SIM118
            for i, event in enumerate(columns["event"].tolist()):
                source = "" if sources is None else sources[columns["source"][i]]
                yield event, source, _objects(layout, {name: values[i] for name, values in columns.items()})
    except Exception as error:  # uproot has no name for all that a damaged file can do
        why = f"no {layout.name} that `gnnreco reconstruct` wrote, or damaged ({error}); reconstruct again"
        raise BadInput(path, "", why) from error


def _objects(layout: Layout, row: Mapping[str, NDArray]) -> Any:
    """The objects of one event from its flat lists."""
    values: dict[str, NDArray] = {}
    for name, attribute in _attributes(layout).items():
        if name in row or name != "hit_id":
            shape = (-1, layout.vectors[name][1]) if name in layout.vectors else (-1,)
            values[attribute] = row[name].astype(_kind(name)).reshape(shape)
    values["offsets"] = _ends(row["n_hits"])
    for name, attribute in layout.lists.items():
        values[attribute] = row[name].astype(np.int64)
        values[layout.kind.OFFSETS[attribute]] = _ends(row[COUNT.format(name)])
    return layout.kind(**values)


def _ends(counts: NDArray) -> NDArray[np.int64]:
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def _attributes(layout: Layout) -> dict[str, str]:
    """Attribute of the objects behind each branch."""
    vectors = {name: attribute for name, (attribute, _) in layout.vectors.items()}
    return {name: name for name in layout.hits} | dict(layout.numbers) | vectors


def _kind(name: str) -> type:
    return WHOLE.get(name, np.float64)

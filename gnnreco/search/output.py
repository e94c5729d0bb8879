"""What a search leaves behind: the events in excess, and every number."""

from __future__ import annotations

import json
from pathlib import Path

from numpy.typing import NDArray

from gnnreco.files.atomic import refuse, whole_file, write_file

from .hunt import Result

EVENTS, NUMBERS = "excess.parquet", "search.json"


def write_result(folder: str | Path, result: Result, overwrite: bool = False) -> Path:
    """Write ``excess.parquet`` (the events that are kept in the most surprising window) and ``search.json``.

    Columns of the events: ``row`` in the table, ``event`` where events have numbers, ``score``, the mass and the features by
    their names, and ``label`` where it is known.

    Raises
    ------
    BadInput
        If a result is there already and is not to be replaced.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    refuse(folder / NUMBERS, overwrite)
    data, rows = result.data[result.excess], result.excess
    columns: dict[str, NDArray] = {"row": rows if data.row is None else data.row}
    columns |= {} if data.event is None else {"event": data.event}
    columns |= {"score": result.scores.data[rows]}
    columns |= {result.told["resonance"]: data.mass}
    columns |= {name: data.features[:, i] for i, name in enumerate(data.names)}
    if result.data.labelled:
        columns["label"] = data.label
    with whole_file(folder / EVENTS) as draft:
        pq.write_table(pa.table(columns), draft, write_page_checksum=True)
    write_file(folder / NUMBERS, json.dumps(result.told, indent=2, allow_nan=False) + "\n")
    return folder

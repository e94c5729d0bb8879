"""The verb `search` as a function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnnreco.errors import BadConfig, BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.progress import Progress
from gnnreco.schema import build

from .hunt import hunt
from .output import NUMBERS, write_result
from .page import write_page
from .settings import SearchSettings
from .table import EventTable, read_events


def search_table(
    table: str | Path | EventTable,
    resonance: str,
    *,
    columns: Sequence[str] = (),
    method: str = "cwola",
    test: str | Path | EventTable | None = None,
    reference: str | Path | EventTable | None = None,
    signal: str | Path | EventTable | None = None,
    label: str = "label",
    output: str | Path | None = None,
    overwrite: bool = False,
    page: str | Path | None = None,
    command: str = "",
    progress: Progress | None = None,
    **settings: Any,
) -> JsonDict:
    """Look for a resonance in a table of events, with a score that needs no labels, and tell how sure it is.

    Parameters
    ----------
    table : path or EventTable
        ``.npy``, ``.parquet``, ``.csv``, or a folder of Parquet; a row for each event.
    resonance : str
        The column that a resonance would peak in.
    columns : sequence of str
        Names of the columns of an ``.npy`` matrix, in order; of other files the columns to use (default: all).
    method : str
        ``supervised``, ``idealised``, ``cwola``, ``cathode`` or ``anode``: see `gnnreco.search.METHODS`.
    test : as `table`, optional
        Labelled events that nothing is learned from, for the significance improvement; by default the held-out folds.
    reference, signal : as `table`, optional
        Background and signal of other samples to learn from.
    label : str
        The column of the truth, 0 or 1.
    output : path, optional
        A folder for the events in excess and all numbers.
    overwrite : bool
        Replace an earlier result in `output`.
    page : path, optional
        One HTML page.
    command : str
        For the record.
    progress : callable, optional
        ``progress(what, done, total)``.
    **settings
        See `gnnreco.search.SearchSettings`: ``mass_range``, ``signal_region``, ``background``, ``keep``, ``folds``,
        ``members``, ``trees``, ``epochs``, ``toys``, ``seed``.

    Returns
    -------
    dict
        ``p_value``, ``significance``, ``scan``, ``max_significance_improvement``, ``sic``, ``auc`` and what they mean.

    Raises
    ------
    BadInput, BadConfig
        A file that cannot be read; NaN; no such column; side-bands without events; labels that a method cannot learn from.

    Examples
    --------
    >>> import gnnreco
    >>> import numpy as np
    >>> draw = np.random.default_rng(1)
    >>> background = np.column_stack([2 + draw.exponential(1, 1500), draw.normal(size=(1500, 2))])
    >>> signal = np.column_stack([draw.normal(3.5, 0.05, 40), draw.normal(2.5, 0.3, (40, 2))])
    >>> np.save("table.npy", np.concatenate([background, signal]))
    >>> few = {"signal_region": (3.3, 3.7), "members": 1, "toys": 100}
    >>> told = gnnreco.search("table.npy", "m", columns=["m", "a", "b"], **few)
    >>> told["p_value"] < 0.01
    True
    """
    chosen = build(SearchSettings, {"method": method, **settings})
    if reference is not None and method not in ("supervised", "idealised"):
        raise BadConfig(
            f"{method} learns from the table alone; leave reference= out, or take method='idealised'"
        )
    if signal is not None and method != "supervised":
        raise BadConfig(f"{method} may not see true signal; leave signal= out, or take method='supervised'")
    if output is not None and (Path(output) / NUMBERS).exists() and not overwrite:
        raise BadInput(
            output, NUMBERS, "is there already; name another folder, or replace it with overwrite=True"
        )

    def opened(what: str | Path | EventTable | None) -> EventTable | None:
        read = what is not None and not isinstance(what, EventTable)
        return read_events(what, resonance, columns, label) if read else what  # type: ignore[arg-type,return-value]

    data = opened(table)
    assert data is not None
    result = hunt(
        data,
        chosen,
        test=opened(test),
        reference=opened(reference),
        signal=opened(signal),
        resonance=resonance,
        command=command,
        progress=progress,
    )
    if output is not None:
        write_result(output, result, overwrite)
    if page is not None:
        write_page(page, result)
    return result.told

"""What is asked of pandas tables before they are used."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def need_pandas() -> ModuleType:
    """The pandas module; raises `ModuleNotFoundError` that says how to get it."""
    try:
        import pandas
    except ModuleNotFoundError as error:
        remedy = "gnnreco.trackml reads and gives pandas tables; pip install 'gnnreco[pandas]'"
        raise ModuleNotFoundError(remedy, name=error.name) from error
    return pandas


def require_columns(table: DataFrame, what: str, columns: tuple[str, ...]) -> None:
    """Raise `KeyError` unless the table, called `what` in the error, has these columns."""
    for name in columns:
        if name not in table:
            raise KeyError(f"the {what} has no column {name!r}; it has {', '.join(map(str, table.columns))}")


def require_once(table: DataFrame, what: str, column: str) -> None:
    """Raise `pandas.errors.MergeError` (a `ValueError`) where a value of the column stands in several rows."""
    again = table[column].duplicated()
    if again.any():
        first, rows = table[column][again].iloc[0], int(again.sum())
        why = f"{column} {first} stands again in the {what} ({rows} rows too many); keep one row of each"
        raise need_pandas().errors.MergeError(why)

"""Names for what JSON and YAML hold, as Python has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

#: Any value that can be written as JSON.
Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

#: An object that is made here, to be written as JSON: figures, a row of a table, what a page is drawn from.
JsonObject: TypeAlias = dict[str, Json]

#: An object that was read as JSON or YAML: a manifest, settings, a report. No type tells what it holds; who reads it
#: knows the format, and says what is wrong by the errors it raises.
JsonDict: TypeAlias = dict[str, Any]

#: The same where it is only read.
JsonMapping: TypeAlias = Mapping[str, Any]

"""Names for what JSON and YAML hold, as Python has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

#: Any value that can be written as JSON. What was read has no such type: its reader knows the format, and says so by
#: the errors it raises.
Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

#: An object of JSON or YAML: a manifest, settings, a report, a row of a table. Its keys are told where it is made.
JsonDict: TypeAlias = dict[str, Any]

#: The same where it is only read.
JsonMapping: TypeAlias = Mapping[str, Any]

"""The definitions of GDML: constants, variables, quantities, matrices, and the steps of loops."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping

from gnnreco.errors import BadInput
from gnnreco.files import limits

from .arithmetic import evaluate
from .gdml_solids import UNITS, length
from .xml_tree import Node

ROOTS = ("gdml", "gdml_simple_extension")


def values(root: Node) -> dict[str, float]:
    """Names to values, in the order of the file; an element of a matrix has its index in its name: ``m[1,2]``.

    What cannot be computed is left out: whoever needs it says that it is not defined.
    """
    names = dict(UNITS)
    for node in (node for part in root.all("define") for node in part.children):
        try:
            if node.tag in ("constant", "variable", "quantity"):
                unit = node.text("unit", "1") if node.tag == "quantity" else "1"
                names[node.text("name")] = length(node, "value", names, None, unit if unit in UNITS else "1")
            elif node.tag == "matrix":
                names.update(_matrix(node, names))
        except BadInput:
            continue
    return names


def _matrix(node: Node, names: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    name, columns = node.text("name"), int(length(node, "coldim", names, "1", "1"))
    words = node.text("values").split()
    if columns < 1 or len(words) > limits.EDGES:
        raise node.fault(f"{len(words):,} values in {columns} columns, which is refused")
    for i, word in enumerate(words):
        try:
            value = evaluate(word, names)
        except ValueError as error:
            raise node.fault(str(error)) from None
        yield f"{name}[{i // columns + 1},{i % columns + 1}]", value
        if columns in (1, len(words)):
            yield f"{name}[{i + 1}]", value


def indexed(node: Node, key: str, names: Mapping[str, float]) -> str:
    """A name in an attribute; ``box[i]`` is box_0 where i is 1, as Geant4 counts."""

    def index(found: re.Match[str]) -> str:
        try:
            return "".join(f"_{int(evaluate(part, names)) - 1}" for part in found[1].split(","))
        except ValueError as error:
            raise node.fault(f"{key}: {error}") from None

    return re.sub(r"\[([^\[\]]*)\]", index, node.text(key))


class Steps:
    """Counts the steps of all loops and repetitions: a file of a few lines must not fill the memory."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, node: Node, count: float) -> None:
        """Refuse more steps than a description needs."""
        self._taken += max(1, int(min(count, limits.STEPS + 1)))
        if self._taken > limits.STEPS:
            raise node.fault(f"{count:,.0f} steps, which with all others are more than {limits.STEPS:,}")

    def unrolled(
        self, parent: Node, names: MutableMapping[str, float]
    ) -> Iterator[tuple[Node, MutableMapping[str, float]]]:
        """Children of an element, those of a ``<loop>`` once for each step, with the names that hold there."""
        for node in parent.children:
            if node.tag != "loop":
                yield node, names
                continue
            variable = node.text("for")
            first = length(node, "from", names, str(names.get(variable, 0.0)), "1")
            last, step = (length(node, key, names, None, "1") for key in ("to", "step"))
            if step <= 0:
                raise node.fault("its step must be greater than 0")
            count = max((last - first) / step + 1 + 1e-9, 0.0)
            self.take(node, count)
            for i in range(int(count)):
                yield from self.unrolled(node, ChainMap({variable: first + i * step}, names))

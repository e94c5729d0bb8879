"""YAML as a tree of nodes with line numbers, of plain values only, and never larger than its text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from gnnreco.errors import BadGeometry
from gnnreco.files import limits

MAX_DEPTH = 32

CORE = "tag:yaml.org,2002:"
PLAIN = {CORE + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map")}
# YAML 1.1 wants a dot and a sign in 1e3; everybody else reads it as a number.
EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Fault(BadGeometry):
    """A fault of the description, with a code for `check`."""

    def __init__(self, file: Path, where: str, why: str, code: str = "description") -> None:
        super().__init__(file, where, why)
        self.code = code


def read_tree(file: Path) -> yaml.Node:
    """The root of a YAML file.

    Raises
    ------
    Fault
        With the line: not YAML, a tag that stands for more than a plain value, aliases or levels without end.
    """
    try:
        if file.stat().st_size > limits.YAML_BYTES:
            why = f"more than {limits.YAML_BYTES // 2**20} MB; put cells and sensors into tables"
            raise Fault(file, "", why)
        return _compose(file, file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Fault(file, "", "no such file; a detector is a folder with a detector.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise Fault(file, where, f"not readable as YAML: {why}") from None


def plain(node: yaml.Node) -> Any:
    """A node as Python's own lists, dicts, words and numbers."""
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    return {key.value: plain(value) for key, value in node.value}


def _scalar(node: yaml.ScalarNode) -> Any:
    kind = node.tag.removeprefix(CORE)
    if kind in ("int", "float"):
        try:
            # The usual numbers at once; the constructor knows hexadecimals, underscores, infinities.
            return int(node.value) if kind == "int" else float(node.value)
        except ValueError:
            pass
    if kind == "str":
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_document(node)
    except (yaml.YAMLError, ValueError, KeyError):
        return node.value


def _compose(file: Path, text: str) -> yaml.Node:
    """Nodes from the stream of events, without recursion: a file cannot choose how deep it goes."""
    resolver = yaml.resolver.Resolver()
    anchors: dict[str, tuple[yaml.Node, int]] = {}
    # Open collections: the node, its anchor, how many values it holds, and the key that waits for its value.
    open_: list[tuple[Any, str | None, list[int], list[yaml.Node]]] = []
    root: yaml.Node | None = None
    event: Any
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1
        anchor, size, node = getattr(event, "anchor", None), 1, None
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise Fault(file, f"line {line}", "a second document; keep one to a file")
        if isinstance(event, yaml.AliasEvent):
            if anchor not in anchors:
                raise Fault(
                    file, f"line {line}", f"alias *{anchor} has no finished anchor &{anchor} before it"
                )
            node, size = anchors[anchor]
        elif isinstance(event, yaml.NodeEvent):
            node = _node(file, line, event, resolver)
            if not isinstance(event, yaml.ScalarEvent):
                open_.append((node, anchor, [1], []))
                if len(open_) > MAX_DEPTH:
                    raise Fault(file, f"line {line}", f"more than {MAX_DEPTH} levels; a bracket too many?")
                continue
            if anchor:
                anchors[anchor] = node, 1
        elif isinstance(event, yaml.CollectionEndEvent):
            node, name, held, waiting = open_.pop()
            size = held[0]
            if name:
                anchors[name] = node, size
        if node is None:
            continue
        if not open_:
            root = node
            continue
        parent, _, held, waiting = open_[-1]
        held[0] += size
        if held[0] > limits.YAML_VALUES:
            why = f"aliases that stand for more than {limits.YAML_VALUES:,} values; write a table instead"
            raise Fault(file, f"line {line}", why)
        if isinstance(parent, yaml.SequenceNode):
            parent.value.append(node)
        elif waiting:
            parent.value.append((waiting.pop(), node))
        elif isinstance(node, yaml.ScalarNode):
            waiting.append(node)
        else:
            raise Fault(file, f"line {line}", "a list or a mapping as a key; keys are words")
    if root is None:
        raise Fault(file, "", "the file is empty")
    return root


def _node(file: Path, line: int, event: Any, resolver: Any) -> yaml.Node:
    kinds = {
        yaml.ScalarEvent: yaml.ScalarNode,
        yaml.SequenceStartEvent: yaml.SequenceNode,
        yaml.MappingStartEvent: yaml.MappingNode,
    }
    kind: Any = kinds[type(event)]
    value: Any = event.value if kind is yaml.ScalarNode else []
    if event.tag not in (None, "!") and event.tag not in PLAIN:
        raise Fault(file, f"line {line}", f"tag {event.tag!r} is not allowed; write plain values")
    tag = event.tag
    if tag in (None, "!"):
        tag = resolver.resolve(kind, value if kind is yaml.ScalarNode else None, event.implicit)
        # Dates, merges and the like are words here.
        tag = tag if tag in PLAIN else CORE + "str"
        if kind is yaml.ScalarNode and event.implicit[0] and EXPONENT.fullmatch(value):
            tag = CORE + "float"
    return kind(tag, value, event.start_mark, event.end_mark)

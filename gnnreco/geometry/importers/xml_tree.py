"""XML with line numbers; entities are refused before anything is expanded or opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from ...errors import BadInput


@dataclass(frozen=True)
class Node:
    """An element: its tag, attributes, line, children, and the text directly in it."""

    file: Path
    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Node] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def content(self) -> str:
        """The text in the element."""
        return "".join(self.pieces).strip()

    def all(self, *tags: str) -> Iterator[Node]:
        """Children of these tags; all of them if none is named."""
        return (child for child in self.children if not tags or child.tag in tags)

    def first(self, *tags: str) -> Node | None:
        """The first child of these tags."""
        return next(self.all(*tags), None)

    def text(self, name: str, default: str | None = None) -> str:
        """An attribute."""
        value = self.attributes.get(name, default)
        if value is None:
            raise self.fault(f"has no attribute {name!r}; add it")
        return value

    def fault(self, why: str) -> BadInput:
        """The error that names this element."""
        named = f" {self.attributes['name']}" if "name" in self.attributes else ""
        return BadInput(self.file, f"line {self.line}, <{self.tag}>{named}", why)


def read_xml(file: Path) -> Node:
    """The root element of a file.

    Raises
    ------
    BadInput
        A missing file, XML that is not well-formed, or any entity (their expansion may explode or open other files).
    """
    from defusedxml import DefusedXmlException
    from defusedxml.sax import parse

    builder = _Builder(file)
    try:
        with file.open("rb") as stream:
            parse(stream, builder)
    except FileNotFoundError:
        raise BadInput(file, "", "no such file") from None
    except DefusedXmlException:
        why = "declares an entity, which is refused: put the text or the file it stands for in its place"
        raise BadInput(file, f"line {builder.line}", why) from None
    except SAXParseException as error:
        raise BadInput(file, f"line {error.getLineNumber()}", f"not XML: {error.getMessage()}") from None
    except OSError as error:
        raise BadInput(file, "", f"not readable: {error}") from None
    return builder.root[0]


class _Builder(ContentHandler):
    """Collects elements."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.root: list[Node] = []
        self._open: list[Node] = []
        self._locator: Any = None

    def setDocumentLocator(self, locator: Any) -> None:
        self._locator = locator

    @property
    def line(self) -> int:
        return int(self._locator.getLineNumber() or 1)

    def startElement(self, name: str, attrs: Any) -> None:
        node = Node(self.file, name, dict(attrs.items()), self.line)
        (self._open[-1].children if self._open else self.root).append(node)
        self._open.append(node)

    def endElement(self, name: str) -> None:
        self._open.pop()

    def characters(self, content: str) -> None:
        if self._open and not content.isspace():
            self._open[-1].pieces.append(content)

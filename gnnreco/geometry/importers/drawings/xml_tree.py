"""XML with line numbers; no entity is expanded but those that stand for a file beside the description."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers.expat import ErrorString, ExpatError, ParserCreate

from gnnreco.errors import BadInput
from gnnreco.files import limits

MOST_NESTED = 16  # files that stand in one another


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


def read_xml(file: Path, entities: bool = False) -> Node:
    """The root element of a file.

    Parameters
    ----------
    file : Path
    entities : bool
        Whether ``<!ENTITY name SYSTEM "file">`` may stand for a file beside this one, or below.

    Raises
    ------
    BadInput
        A missing file, XML that is not well-formed, larger or deeper than any description, or any other entity: their
        expansion may explode or open what does not belong to the description.
    """
    builder = _Builder(file, entities)
    try:
        builder.read(file, ParserCreate())
    except FileNotFoundError:
        raise BadInput(file, "", "no such file") from None
    except OSError as error:
        raise BadInput(file, "", f"not readable: {error.strerror or error}") from None
    return builder.root[0]


def beside(root: Path, base: Path, name: str) -> Path:
    """The file of a name in a file at `base`, if it lies in the folder `root` or below.

    Raises
    ------
    ValueError, FileNotFoundError
        With the reason why it is not opened.
    """
    if not name or "://" in name or name.startswith(("file:", "/", "\\")):
        raise ValueError(f"{name!r} is not the name of a file beside this one")
    target = (base.parent / name).resolve()
    if not target.is_relative_to(root.resolve()):
        raise ValueError(f"{target} lies outside the folder of the file, which is refused; copy it there")
    if not target.is_file():
        raise FileNotFoundError(f"no such file: {target}")
    return target


class _Builder:
    """Collects elements, of the file and of those that its entities stand for."""

    def __init__(self, file: Path, entities: bool) -> None:
        self.root: list[Node] = []
        self._top, self._entities = file, entities
        self._open: list[Node] = []
        self._files: list[tuple[Path, Any]] = []
        self._nodes, self._bytes, self._included = 0, 0, 0

    def read(self, file: Path, parser: Any) -> None:
        """Parse a file; `parser` is a new one, or that of an entity."""
        with file.open("rb") as stream:
            content = stream.read(limits.TEXT_BYTES + 1)
        self._bytes += len(content)
        if self._bytes > limits.TEXT_BYTES:
            raise BadInput(file, "", f"more than {limits.TEXT_BYTES >> 20} MB of XML, which is refused")
        self._files.append((file, parser))
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = self._doctype, self._entity
        parser.ExternalEntityRefHandler = self._included_file
        try:
            parser.Parse(content, True)
        except ExpatError as error:
            why = f"not XML: {ErrorString(error.code)}"
            raise BadInput(file, f"line {error.lineno}", why) from None
        except (LookupError, ValueError) as error:  # an encoding that nobody knows, or that does not fit
            raise BadInput(file, "line 1", f"not readable as XML: {error}; save it as UTF-8") from None
        self._files.pop()

    def _fault(self, why: str) -> BadInput:
        file, parser = self._files[-1]
        return BadInput(file, f"line {parser.CurrentLineNumber}", why)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        file, parser = self._files[-1]
        node = Node(file, tag, attributes, parser.CurrentLineNumber)
        (self._open[-1].children if self._open else self.root).append(node)
        self._open.append(node)
        self._nodes += 1
        if len(self._open) > limits.DEPTH or self._nodes > limits.ELEMENTS:
            what = (
                f"{limits.DEPTH} levels"
                if len(self._open) > limits.DEPTH
                else f"{limits.ELEMENTS:,} elements"
            )
            raise self._fault(f"more than {what}, which is refused")

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _text(self, content: str) -> None:
        if self._open and not content.isspace():
            self._open[-1].pieces.append(content)

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        if not self._entities and (system or public):
            raise self._fault("names a document type outside, a reference that is refused: remove it")

    def _entity(
        self, name: str, parameter: bool, value: str | None, base: Any, system: str | None, *_: Any
    ) -> None:
        if value is None and not parameter and self._entities:
            return  # of a file, opened only where it is used
        remedy = "put the text or the file it stands for in its place, or remove it"
        raise self._fault(f"declares an entity, which is refused: {remedy}")

    def _included_file(self, context: str, base: Any, system: str | None, public: str | None) -> int:
        file, parser = self._files[-1]
        self._included += 1
        try:
            target = beside(self._top.parent, file, system or "")
            if self._included > limits.INCLUDES or len(self._files) > MOST_NESTED:
                raise ValueError("too many files stand for one another")
            self.read(target, parser.ExternalEntityParserCreate(context))
        except (ValueError, OSError) as error:
            raise self._fault(f"an entity: {error}") from None
        return 1

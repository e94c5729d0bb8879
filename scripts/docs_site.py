"""What the pages of `make docs` hold beside docs/: options, settings and functions, all taken from the code.

    python scripts/docs_site.py settings | simulation | commands      prints one of them

MkDocs calls the functions that begin with `on_` (see mkdocs.yml). A comment ``<!-- settings -->`` in a page becomes the tables of
settings, ``<!-- api: names -->`` the docstrings of the names. Links that leave docs/ lead to the repository; pictures come along.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = "https://github.com/gnnreco/gnnreco/blob/main/"
#: Pages of other folders that are pages of the site, too.
GUESTS = {"detector_geometries/README.md": "reference/detector_yaml.md"}
#: Where `make gallery` leaves pages.
GALLERY = ROOT / "build" / "gallery"
#: Groups of settings that every task has; the others are its own.
COMMON = ("detector", "sample", "train")
WIDTH = "100"  # of the help of a verb


def meanings(kind: type) -> dict[str, str]:
    """What the section "Attributes" of the docstring of a dataclass says of each field."""
    text = inspect.getdoc(kind) or ""
    section = text.partition("Attributes\n----------\n")[2]
    told: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line.startswith("---") or re.fullmatch(r"(Raises|Notes|Examples|References)", line):
            break
        if line and not line.startswith(" "):
            names = re.split(r",\s*", line.partition(" : ")[0].strip())
            told |= dict.fromkeys(names, "")
        elif line.strip():
            told |= {name: f"{told[name]} {line.strip()}".strip() for name in names}
    return told


def rows(kind: type, prefix: str) -> Iterator[tuple[str, Any, str]]:
    """Key, default and meaning of every setting of a dataclass, and of those within; what is learned is none."""
    told, hints = meanings(kind), get_type_hints(kind)
    for field in dataclasses.fields(kind):
        made = field.default_factory
        value = made() if made is not dataclasses.MISSING else field.default
        if dataclasses.is_dataclass(value):
            yield from rows(type(value), f"{prefix}{field.name}.")
        elif value is not None or not any(map(dataclasses.is_dataclass, get_args(hints[field.name]))):
            choices = get_args(hints[field.name]) if get_origin(hints[field.name]) is Literal else ()
            named = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
            yield prefix + field.name, value, told.get(field.name, "") + named


def _default(value: Any) -> str:
    if value is dataclasses.MISSING:
        return ""
    if value is None or value == "":
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def table(lines: list[tuple[str, Any, str]]) -> str:
    """A table of settings."""
    body = [
        f"| `{key}` | {_default(value)} | {told.replace('|', chr(92) + '|')} |" for key, value, told in lines
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *body])


def tasks() -> dict[str, list[tuple[str, Any, str]]]:
    """The settings of each task, under the groups that the command line knows."""
    from gnnreco.tasks.names import OURS
    from gnnreco.tasks.registry import find_task
    from gnnreco.train.settings import PARTS

    groups = {f"task.{part}.": f"{group}." for group, part in PARTS.items()}
    found = {}
    for name in OURS:
        own = []
        for key, value, told in rows(find_task(name).load()[1], "task."):
            begin = next((part for part in groups if key.startswith(part)), "")
            own.append((groups.get(begin, "") + key.removeprefix(begin), value, told))
        found[name] = own
    return found


def shared() -> dict[str, list[tuple[str, Any, str]]]:
    """The settings that every task has, by group; those of the simulation stand elsewhere."""
    from gnnreco.train import TrainConfig
    from gnnreco.train.settings import DetectorConfig, SampleConfig

    kinds = dict(zip(COMMON, (DetectorConfig, SampleConfig, TrainConfig), strict=True))
    return {
        name: [row for row in rows(kind, f"{name}.") if not row[0].startswith("sample.simulation.")]
        for name, kind in kinds.items()
    }


def settings() -> str:
    """All settings of trainings: those that every task has, then each task's own."""
    parts = [f"## Every task: `{name}`\n\n{table(lines)}" for name, lines in shared().items()]
    parts += [f"## `train {name}`\n\n{table(lines)}" for name, lines in tasks().items()]
    return "\n\n".join(parts)


def simulation() -> str:
    """The options of the simulation."""
    from gnnreco.simulate import SimulationOptions

    return table(list(rows(SimulationOptions, "")))


def verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every parser that does something, in the order of the help."""
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not inner:
        yield parser
    for action in inner:
        for verb in action.choices.values():
            yield from verbs(verb)


def commands() -> str:
    """The help of every verb."""
    from gnnreco.cli import build_parser

    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), WIDTH
    try:
        return "\n\n".join(
            f"### {v.prog}\n\n```text\n{v.format_help().strip()}\n```" for v in verbs(build_parser())
        )
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before


def home_of(name: str) -> str:
    """The dotted name of what `gnnreco` calls `name`."""
    import gnnreco

    if name in gnnreco._VERBS:
        return ".".join(gnnreco._VERBS[name])
    return f"{gnnreco._HOMES[name]}.{name}" if name in gnnreco._HOMES else name


def api(names: str) -> str:
    """What mkdocstrings puts in the place of each name: its docstring, under the name that users write."""
    lines = []
    for name in names.split():
        shown = name if "." in name else f"gnnreco.{name}"
        lines += [
            f"::: {home_of(name)}",
            "    options:",
            f"      heading: {shown}",
            f"      toc_label: {name}",
            "",
        ]
    return "\n".join(lines)


def opened(found: re.Match[str]) -> str:
    """The link to a page of the gallery, where it has been made."""
    return f"[Open this page](gallery/{found[1]})" if (GALLERY / found[1]).is_file() else ""


MADE = {"settings": settings, "simulation": simulation, "commands": commands}


def on_files(files: Any, config: Any) -> Any:
    """Add the guests, and the pictures of other folders that pages show."""
    from mkdocs.structure.files import File

    pictures = {
        path.relative_to(ROOT).as_posix(): path
        for page in Path(config["docs_dir"]).rglob("*.md")
        for link in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page.read_text("utf-8"))
        if (path := (page.parent / link).resolve()).is_file() and not path.is_relative_to(config["docs_dir"])
    }
    for place, path in pictures.items():
        files.append(File.generated(config, f"images/{place}", abs_src_path=str(path)))
    for page in sorted(GALLERY.rglob("*.html")):
        place = f"gallery/{page.relative_to(GALLERY).as_posix()}"
        files.append(File.generated(config, place, abs_src_path=str(page)))
    for source, place in GUESTS.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Put in what is made from the code, and turn links that leave the site."""
    place = page.file.src_uri
    for name, make in MADE.items():
        if f"<!-- {name} -->" in markdown:
            markdown = markdown.replace(f"<!-- {name} -->", make())
    markdown = re.sub(r"<!-- open: (.*?) -->", opened, markdown)
    markdown = re.sub(r"<!-- api: (.*?) -->", lambda found: api(found[1]), markdown)
    source = next((source for source, guest in GUESTS.items() if guest == place), f"docs/{place}")

    def turned(found: re.Match[str]) -> str:
        link, hash_, heading = found[2].partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if not link or "://" in link or (target.startswith("docs/") and source.startswith("docs/")):
            return found[0]
        inside = GUESTS.get(target, f"images/{target}")
        if files.get_file_from_path(inside) is None:
            return f"{found[1]}({REPOSITORY}{target}{hash_}{heading})"
        return f"{found[1]}({posixpath.relpath(inside, posixpath.dirname(place) or '.')}{hash_}{heading})"

    return re.sub(r"(\])\(([^)\s]+)\)", turned, markdown)


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in MADE]:
        sys.exit(__doc__)
    print(MADE[sys.argv[1]]())

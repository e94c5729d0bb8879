"""What the parsers of all verbs share: one-line errors, checked numbers, and the options that mean the same everywhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .table import CsvFile

INPUT_HELP = (
    "file, folder or glob of any format that `gnnreco.events` reads, or an address (https://, s3://, root://)"
)
DETECTOR_HELP = "name of a shipped detector (see `gnnreco detector list`) or path of a folder"
MAP_HELP = (
    "columns of tables of any other layout (CSV, Parquet, ROOT): which of theirs is which of ours, with its unit "
    "(x=hit_x[cm],y=hit_y[cm],z=hit_z[cm],energy=e)"
)
OVERWRITE_HELP = "replace an earlier result in {}"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like every other error of the program."""

    #: Called before help is shown, for words that only heavy modules know.
    before_help: Callable[[], None] | None = None

    def format_help(self) -> str:
        if self.before_help is not None:
            self.before_help()
        return super().format_help()

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is no choice, with the nearest one."""
        if action.choices is not None and value not in action.choices:
            from gnnreco.schema import nearest

            words = f"invalid choice: '{value}'{nearest(str(value), map(str, action.choices))}"
            raise argparse.ArgumentError(action, words)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see `{self.prog} --help`)\n")


def shard(text: str) -> tuple[int, int]:
    """The i and n of ``i/n``."""
    try:
        index, count = (int(part) for part in text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not i/n, such as 0/8") from None
    if not 0 <= index < count:
        raise argparse.ArgumentTypeError(f"'{text}': i runs from 0 to n - 1")
    return index, count


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return int(text)


def not_negative(text: str) -> int:
    """A whole number from zero on."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from zero on")
    return int(text)


def above_zero(text: str) -> float:
    """A number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above zero")
    return number


def column_map(verb: Parser) -> None:
    """The option ``--map``."""
    verb.add_argument("--map", default="", metavar="X=COLUMN,...", help=MAP_HELP)


def _add_voice(verb: Parser) -> None:
    """How much a verb says: see `gnnreco.cli.voice`."""
    loud = verb.add_mutually_exclusive_group()
    loud.add_argument(
        "-q", "--quiet", action="store_true", help="neither notes nor progress, only results and errors"
    )
    loud.add_argument(
        "-v", "--verbose", action="store_true", help="each step, and where an error arose in the program"
    )
    verb.add_argument(
        "--log", type=Path, metavar="FILE", help="append notes, steps and errors to FILE, each with its time"
    )


class Verbs:
    """Adds verbs to a parser, each with a description, an example and the options that all share."""

    def __init__(self, parser: argparse.ArgumentParser, prefix: str) -> None:
        self._sub = parser.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
        self._prefix = prefix

    def add(
        self,
        name: str,
        summary: str,
        example: str,
        run: Callable[[argparse.Namespace], int] | None = None,
        threads: bool = False,
    ) -> Parser:
        """Add a verb; `run` does it and returns the exit status, `threads` says whether it computes for long."""
        verb: Parser = self._sub.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  gnnreco {self._prefix}{name} {example}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if run is not None:
            file = verb.add_mutually_exclusive_group()
            file.add_argument(
                "--json", type=Path, metavar="FILE", help="write the table that is printed as JSON"
            )
            file.add_argument(
                "--csv",
                type=CsvFile,
                dest="json",
                metavar="FILE",
                help="write it as CSV: a row each, or name and value",
            )
            _add_voice(verb)
            verb.set_defaults(run=run)
        if threads:
            verb.add_argument(
                "--threads", type=positive, default=1, metavar="N", help="of each process (default: 1)"
            )
        return verb


def output_folder(
    verb: argparse.ArgumentParser,
    about: str = "the folder to write",
    default: str = "",
    *,
    metavar: str = "FOLDER",
    required: bool = True,
) -> None:
    """Where a verb writes, and whether it may replace what it wrote there before: none does so unasked."""
    verb.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar=metavar,
        required=required and not default,
        default=Path(default) if default else None,
        help=f"{about} (default: {default})" if default else about,
    )
    verb.add_argument("--overwrite", action="store_true", help=OVERWRITE_HELP.format(metavar))


def output_page(verb: argparse.ArgumentParser) -> None:
    """Where a verb writes its page."""
    verb.add_argument(
        "-o", "--output", dest="page", type=Path, required=True, metavar="PAGE", help="the page to write"
    )


def chain(verb: argparse.ArgumentParser) -> None:
    """What reconstructs: the detector, the bundles, and what runs them."""
    verb.add_argument("--detector", required=True, metavar="DETECTOR", help=DETECTOR_HELP)
    verb.add_argument(
        "--bundle",
        action="append",
        metavar="BUNDLE",
        help="shipped name or folder; once for each task (default: by what the detector measures)",
    )
    verb.add_argument(
        "--engine",
        choices=["native", "onnx"],
        default="native",
        help="what runs the network; with onnx, BUNDLE may be what `gnnreco deploy` wrote (default: native)",
    )
    verb.add_argument(
        "--any-detector", action="store_true", help="use a bundle that was trained on another detector"
    )


def observed(verb: argparse.ArgumentParser) -> None:
    """Where a verb that runs for long tells of itself."""
    verb.add_argument(
        "--log-json",
        metavar="FILE",
        help="add a line of JSON for each message (start, files, failures, progress, end); - is standard output",
    )
    verb.add_argument(
        "--prometheus",
        type=Path,
        metavar="FILE",
        help="keep numbers for Prometheus in FILE (*.prom), for the textfile collector of node_exporter",
    )


def say_renamed(old: str, new: str) -> None:
    """Say on stderr that `old` has another name now: it works for one release more."""
    print(f"gnnreco: {old} is now called {new}; the old name goes with the next release", file=sys.stderr)


def old_name(verb: argparse.ArgumentParser, old: str, new: argparse.Action) -> None:
    """Let the option `new` be called by its old name as well: help is silent about it, and who uses it is told."""
    same: dict[str, Any] = {name: getattr(new, name) for name in ("dest", "nargs", "type", "choices")}
    silent = argparse.SUPPRESS
    verb.add_argument(old, action=_OldName, new=new, **same, default=silent, help=silent)


class _OldName(argparse.Action):
    """Does what another option does."""

    def __init__(self, new: argparse.Action, **how: Any) -> None:
        super().__init__(**how)
        self.new = new

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        say_renamed(str(option_string), self.new.option_strings[-1])
        self.new(parser, namespace, values, option_string)

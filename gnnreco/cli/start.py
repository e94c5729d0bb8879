"""The command line: parses, calls one verb, turns errors into one line and an exit status.

Nothing heavy is imported here, nor at the top of the files of verbs: ``gnnreco --help`` must answer at once. What a
verb needs, its function imports when it runs.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from typing import Any, NoReturn

from gnnreco import __version__
from gnnreco.errors import GnnrecoError, Stopped

from . import completion
from .options import Parser, Verbs
from .table import one_line
from .threads import use_threads
from .verbs import (
    bundle,
    compare,
    deploy,
    detector,
    doctor,
    evaluate,
    events,
    look,
    report,
    search,
    train,
)
from .verbs.reconstruction import jobs, reconstruct, serve, warm

#: Each adds its verbs to the parser, in this order.
GROUPS = (
    detector,
    events,
    train,
    reconstruct,
    jobs,
    serve,
    evaluate,
    look,
    report,
    search,
    bundle,
    deploy,
    compare,
    warm,
    doctor,
    completion,
)


#: Arrow's own pools keep what was read for more to come: 20 MB of the peak of a short run.
ARROW_POOL = ("ARROW_DEFAULT_MEMORY_POOL", "system")


FIRST_STEPS = """\
gnnreco finds tracks, showers and particles in the hits of any detector. Three first steps:

  gnnreco simulate --detector telescope --process beam --particle muon --events 20 -o events
  gnnreco reconstruct events --detector telescope -o found
  gnnreco evaluate found --truth events

`gnnreco doctor` says what is installed, `gnnreco --help` lists all verbs, `gnnreco VERB --help` has an example of each."""


class Program(Parser):
    """The parser of the whole command line, which also takes verbs as they were typed before they had parts."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(deploy.with_part(words), namespace)


def build_parser() -> Parser:
    """Build the parser of every verb; what it parses has the function of its verb as ``run``."""
    parser = Program(
        prog="gnnreco",
        description="Graph-network reconstruction for any particle detector.",
        epilog="exit status: 0 done, 1 a result fails its own check, 2 bad input",
    )
    parser.add_argument("--version", action="version", version=f"gnnreco {__version__}")
    verbs = Verbs(parser, "")
    for group in GROUPS:
        group.add(verbs)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit status: 0 done, 1 a result fails its own check, 2 bad input."""
    words = sys.argv[1:] if argv is None else argv
    if not words:
        print(FIRST_STEPS)
        return 0
    parser = build_parser()
    args, rest = parser.parse_known_args(argv)
    if rest and (not hasattr(args, "settings") or any(word.startswith("-") for word in rest)):
        parser.error(f"unknown: {' '.join(rest)}")
    if rest:  # settings may follow the options
        args.settings += rest
    args.command = shlex.join(["gnnreco", *words])
    if number := getattr(args, "threads", None):
        use_threads(number)
    from .voice import voice

    try:
        with voice(args):
            status: int = args.run(args)
    except Stopped as error:
        _fail(str(error))
        return 128 + signal.SIGTERM
    except GnnrecoError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "gnnreco").startswith("gnnreco"):
            raise
        return _fail(f"this needs the package '{error.name}'; `gnnreco doctor` says how to get it")
    except ImportError as error:  # of a package that is there: a library that it needs is not
        if (error.name or "").startswith("gnnreco"):
            raise
        return _fail(
            f"a package that this needs cannot be loaded ({error}); `gnnreco doctor` says how to mend it"
        )
    except BrokenPipeError:  # the reader of our output has left, as `gnnreco ... | head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = (
            error.filename
            or getattr(args, "output", None)
            or getattr(args, "page", None)
            or "input or output"
        )
        return _fail(f"{place}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("gnnreco: stopped", file=sys.stderr)
        return 130
    return status


def _fail(message: str) -> int:
    print("gnnreco:", one_line(message), file=sys.stderr)
    return 2


def entry() -> NoReturn:
    """Entry point of the console script."""
    os.environ.setdefault(*ARROW_POOL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has SIGHUP ignored, and so it stays
            signal.signal(number, _stop)
    sys.exit(main())


def _stop(number: int, _: object) -> NoReturn:
    """End in an orderly way: what is half written is removed and workers end; a second signal ends the program at once."""
    signal.signal(number, signal.SIG_DFL)
    os.write(2, b"gnnreco: stopped\n")
    raise SystemExit(128 + number)

"""The command line: parses, calls one verb, turns errors into one line and an exit status.

Nothing heavy is imported here: ``gnnreco --help`` must answer at once. What a verb needs, `inspect`,
`run`, `look` and `deploy` import when the verb runs.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from typing import NoReturn

from gnnreco.errors import GnnrecoError

from .parser import build_parser
from .table import one_line
from .threads import use_threads


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit status: 0 done, 1 a result fails its own check, 2 bad input."""
    parser = build_parser()
    words = sys.argv[1:] if argv is None else argv
    args, rest = parser.parse_known_args(argv)
    if rest and (not hasattr(args, "settings") or any(word.startswith("-") for word in rest)):
        parser.error(f"unknown: {' '.join(rest)}")
    if rest:  # settings may follow the options
        args.settings += rest
    args.command = shlex.join(["gnnreco", *words])
    if number := getattr(args, "threads", None):
        use_threads(number)
    from . import deploy, inspect, look, run

    verbs = (inspect, run, look, deploy)
    try:
        verb = next(getattr(m, args.run) for m in verbs if hasattr(m, args.run))
        status: int = verb(args)
    except GnnrecoError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        if (error.name or "gnnreco").startswith("gnnreco"):
            raise
        return _fail(f"this needs the package '{error.name}'; `gnnreco doctor` says how to get it")
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
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has SIGHUP ignored, and so it stays
            signal.signal(number, _stop)
    sys.exit(main())


def _stop(number: int, _: object) -> NoReturn:
    """End in an orderly way: what is half written is removed and workers end; a second signal ends the program at once."""
    signal.signal(number, signal.SIG_DFL)
    os.write(2, b"gnnreco: stopped\n")
    raise SystemExit(128 + number)

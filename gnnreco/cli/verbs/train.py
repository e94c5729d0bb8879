"""The verb `train`: a network from settings to a bundle."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

from gnnreco.cli.options import Verbs, output_folder, say_renamed
from gnnreco.cli.progress import Progress
from gnnreco.cli.survey import show_survey
from gnnreco.cli.table import one_line
from gnnreco.cli.table import show as print_table
from gnnreco.errors import BadConfig
from gnnreco.tasks.names import PURPOSES, known_names

#: A choice of each group, in the order of `gnnreco.train.settings.GROUPS`.
EXAMPLES = ("odd", "ttbar", "robust", "small", "tracking", "default")
#: Choices of settings that have another name now.
OLD_SETTINGS = {"task=sectors": "task=seeds", "graph=charge": "graph=drift"}


def add(verbs: Verbs) -> None:
    """Declare it."""
    verb = verbs.add(
        "train",
        "train a network and save it as a bundle",
        "tracking detector=telescope train.epochs=5 -o my_bundle",
        train,
        threads=True,
    )
    verb.add_argument("task", metavar="TASK", nargs="?", help=", ".join(known_names()))
    verb.add_argument("settings", nargs="*", metavar="key=value", help="settings; `--show` prints them all")
    output_folder(verb, metavar="BUNDLE", required=False)
    verb.add_argument("--resume", action="store_true", help="go on from the last checkpoint of BUNDLE")
    verb.add_argument(
        "--list", action="store_true", help="print all tasks, groups of settings and their choices"
    )
    verb.add_argument("--show", action="store_true", help="print the composed settings and stop")
    verb.set_defaults(threads=None)  # it is the setting train.threads, which is 1 as well


def train(args: Namespace) -> int:
    """A trained bundle."""
    if args.list:
        return _list(args)
    if args.task is None:
        raise BadConfig(
            f"name a task: {', '.join(known_names())}; `gnnreco train --list` shows what can be chosen"
        )
    from gnnreco.train.settings import compose, run_training, settings_as_yaml

    for old in [setting for setting in args.settings if setting in OLD_SETTINGS]:
        say_renamed(old, OLD_SETTINGS[old])
        args.settings[args.settings.index(old)] = OLD_SETTINGS[old]
    if args.threads:
        args.settings.append(f"train.threads={args.threads}")
    settings = compose(args.task, args.settings)
    if args.show:
        print(settings_as_yaml(settings), end="")
        return 0
    if args.output is None:
        raise BadConfig("name the folder of the bundle with -o BUNDLE")
    from gnnreco.train import NotFinite, Stopped

    try:
        with Progress("") as progress:
            row = run_training(
                settings,
                args.output,
                args.resume,
                _command(args),
                progress.named,
                args.overwrite,
            )
    except (NotFinite, Stopped) as error:
        print("gnnreco:", one_line(str(error)), file=sys.stderr)
        _draw(args.output / "training")
        return 1
    page = _draw(args.output / "training")
    print_table([{k: v for k, v in row.items() if k != "survey"}], args.json, [row])
    if "survey" in row:
        show_survey(row["survey"])
    if page is not None:
        print(f"curves: {page}")
    return 0


def _draw(folder: Path) -> Path | None:
    """The page of the curves; None before the first epoch has ended, and in all processes of torchrun but one."""
    from gnnreco.display import curves_page

    if os.environ.get("RANK", "0") != "0" or not (folder / "metrics.csv").exists():
        return None
    return curves_page(folder)


def _list(args: Namespace) -> int:
    """Tasks with what they are for, then the choices of each group."""
    from gnnreco.train.settings import FOLDER, GROUPS

    tasks = [{"task": name, "for": PURPOSES.get(name, "of another package")} for name in known_names()]
    choices = [
        {
            "group": group,
            "choices": ", ".join(sorted(file.stem for file in (FOLDER / group).glob("*.yaml"))),
            "example": f"gnnreco train tracking {group}={example}",
        }
        for group, example in zip(GROUPS, EXAMPLES, strict=True)
    ]
    print_table(tasks)
    print()
    print_table(choices, args.json, {"tasks": tasks, "groups": choices})
    print(
        "\n`gnnreco train TASK --show` prints all settings of a task with their values; detector= takes any name or path"
    )
    return 0


def _command(args: Namespace) -> str:
    return " ".join(["gnnreco", "train", args.task, *args.settings])

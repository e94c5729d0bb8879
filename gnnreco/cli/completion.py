"""The verb `completion`: a script that lets a shell complete verbs, options and names, written from the parser itself.

Every parser in the tree of verbs is a place, such as ``gnnreco bundle info``. A script knows what may follow at each
place, and which values an option takes; where nothing is known it leaves the word to the shell, which offers files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .options import Verbs

SHELLS = ("bash", "zsh", "fish")


def add(verbs: Verbs) -> None:
    """Declare it."""
    verb = verbs.add(
        "completion", "print a script that lets the shell complete verbs, options and names", "bash"
    )
    verb.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    verb.set_defaults(run=completion)


def completion(args: argparse.Namespace) -> int:
    """The script, with the detectors and bundles that are installed now."""
    from gnnreco.bundle import list_bundles
    from gnnreco.geometry import list_detectors
    from gnnreco.geometry.description.new import KINDS
    from gnnreco.tasks.names import known_names

    from .start import build_parser

    names = {
        "DETECTOR": list_detectors(),
        "BUNDLE": list_bundles(),
        "TASK": known_names(),
        "KIND": list(KINDS),
    }
    print(script(args.shell, build_parser(), names), end="")
    return 0


class Place(NamedTuple):
    """What may follow at one place of the command line.

    Attributes
    ----------
    path : str
        The words that lead here, such as ``gnnreco bundle info``.
    verbs : dict of str to str
        Verbs that may follow, each with what it does.
    options : dict of str to str
        Options that stand here, each with its help.
    values : dict of str to list of str or None
        What an option takes: one of these names, or (None) something the shell may offer files for. Options
        that take nothing are left out.
    names : list of str
        What may stand here as an argument of its own.
    """

    path: str
    verbs: dict[str, str]
    options: dict[str, str]
    values: dict[str, list[str] | None]
    names: list[str]


def places(
    parser: argparse.ArgumentParser, names: Mapping[str, Sequence[str]], path: str = "gnnreco"
) -> Iterator[Place]:
    """Every place below a parser; `names` are the values of arguments by their metavar, such as DETECTOR."""
    here = Place(path, {}, {}, {}, [])
    below: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = action.choices
            here.verbs.update({choice.dest: choice.help or "" for choice in action._choices_actions})
        elif action.help is not argparse.SUPPRESS:
            _add(here, action, names)
    yield here
    for name, verb in below.items():
        yield from places(verb, names, f"{path} {name}")


def _add(here: Place, action: argparse.Action, names: Mapping[str, Sequence[str]]) -> None:
    written = "--output" in action.option_strings  # a new folder, of no known name
    known = action.choices or (None if written else names.get(str(action.metavar)))
    values = None if known is None else [str(value) for value in known]
    if not action.option_strings:
        here.names.extend(values or [])
    for option in action.option_strings:
        here.options[option] = (action.help or "").replace("%%", "%")
        if action.nargs != 0:
            here.values[option] = values


def script(shell: str, parser: argparse.ArgumentParser, names: Mapping[str, Sequence[str]]) -> str:
    """The script of a shell, one of `SHELLS`."""
    every = list(places(parser, names))
    if shell == "fish":
        return _fish(every)
    return (ZSH if shell == "zsh" else "") + _bash(every)


ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
BASH = r"""_gnnreco() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" place=gnnreco i offered=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$place ${{COMP_WORDS[i]}}" in
            {paths}) place="$place ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$place $before" in
{values}
        *)
            case "$place" in
{places}
            esac ;;
    esac
    COMPREPLY=($(compgen -W "$offered" -- "$word"))
}}
complete -o default -F _gnnreco gnnreco
"""


def _bash(every: Sequence[Place]) -> str:
    paths = "|".join(f'"{place.path}"' for place in every if place.path != "gnnreco")
    values = [
        f'        "{place.path} {option}") offered="{" ".join(known or ())}" ;;'
        for place in every
        for option, known in place.values.items()
    ]
    lines = []
    for place in every:
        bare = " ".join([*place.verbs, *place.names])
        options = " ".join(place.options)
        lines.append(
            f'                "{place.path}") case "$word" in -*) offered="{options}" ;; *) offered="{bare}" ;; esac ;;'
        )
    return BASH.format(paths=paths, values="\n".join(values), places="\n".join(lines))


FISH = """function __gnnreco_place
    set -l place gnnreco
    for word in (commandline -opc)[2..]
        switch "$place $word"
            case {paths}
                set place "$place $word"
        end
    end
    echo $place
end
"""


def _fish(every: Sequence[Place]) -> str:
    paths = " ".join(f"'{place.path}'" for place in every if place.path != "gnnreco")
    lines = [FISH.format(paths=paths)]
    for place in every:
        at = f"""complete -c gnnreco -n 'test (__gnnreco_place) = "{place.path}"'"""
        lines += [f"{at} -f -a {_quoted(verb)} -d {_quoted(about)}" for verb, about in place.verbs.items()]
        if place.names:
            lines.append(f"{at} -a {_quoted(' '.join(place.names))}")
        for option, about in place.options.items():
            kind = "-l" if option.startswith("--") else "-s"
            line = f"{at} {kind} {option.lstrip('-')} -d {_quoted(about)}"
            known = place.values.get(option, [])
            if option in place.values:
                line += " -r" if known is None else f" -x -a {_quoted(' '.join(known))}"
            lines.append(line)
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text between single quotes of fish, where only those and backslashes have a meaning."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

"""Completion in a shell: what the scripts offer, asked of the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gnnreco import cli
from gnnreco.cli.completion import SHELLS, places

ASK = {
    "bash": 'source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _gnnreco; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "fish": "source {script}; complete -C '{line}' | cut -f 1",
}
LINES = [
    ("gnnreco re", {"reconstruct", "resubmit", "report"}),
    ("gnnreco bundle in", {"info"}),
    ("gnnreco bundle info tracking-h", {"tracking-hex"}),
    ("gnnreco reconstruct x --detector full_h", {"full_hex"}),
    ("gnnreco reconstruct x --overw", {"--overwrite"}),
    ("gnnreco evaluate out --jets d", {"durham"}),
    ("gnnreco evaluate out --jets durham --thresh", {"--threshold"}),
    ("gnnreco train track", {"tracking"}),
]


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Path:
    assert cli.main(["completion", request.param]) == 0
    file = tmp_path / f"completion.{request.param}"
    file.write_text(capsys.readouterr().out)
    return file


@pytest.mark.parametrize("script", [*ASK], indirect=True)
def test_a_shell_completes(script: Path) -> None:
    shell = script.suffix[1:]
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for line, expected in LINES:
        words = " ".join(f"'{word}'" for word in line.split())
        ask = ASK[shell].format(script=script, words=words, line=line)
        done = subprocess.run([shell, "-c", ask], capture_output=True, text=True, check=True)
        assert done.stderr == "", line
        assert set(done.stdout.split()) == expected, line


@pytest.mark.parametrize("script", SHELLS, indirect=True)
def test_a_script_has_every_verb_and_option_and_can_be_parsed(script: Path) -> None:
    text, shell = script.read_text(), script.suffix[1:]
    for place in places(cli.build_parser(), {}):
        assert place.path in text
        assert all(option.lstrip("-") in text for option in place.options)
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(script)], check=True)


def test_an_unknown_shell_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["completion", "tcsh"])
    assert "bash" in capsys.readouterr().err

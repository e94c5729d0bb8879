"""`docs/how_to/serve.md`, followed as it is written: shell, Python, shell."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.serve.conftest import SECONDS, until
from tests.test_tutorials import ROOT, blocks, follow, shell


@pytest.mark.slow  # it starts two servers of a real bundle
def test_the_page_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    try:
        for language, text in blocks(ROOT / "docs" / "how_to" / "serve.md"):
            if not language:
                follow(text)
            elif language == "bash":
                shell(text, SECONDS)
            elif language == "python":
                exec(compile(text, "serve.md", "exec"), {})  # noqa: S102 - a page of our own
        assert capsys.readouterr().out.count("tracks in") == 40
        until(lambda: not Path("gnnreco.sock").exists())
        answer = json.loads(Path("answers/first.parquet.json").read_text())
        assert answer["ok"]
        assert len(answer["events"]) == 40
    finally:
        for file in tmp_path.glob("*.pid"):
            subprocess.run(["kill", file.read_text().strip()], check=False, stderr=subprocess.DEVNULL)
        time.sleep(0.1)

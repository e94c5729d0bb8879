"""The code of `docs/explanation/pvalues.md`, run as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "pvalues.md"


def test_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    exec("\n".join(blocks), {})  # noqa: S102 - a page of our own
    said = capsys.readouterr().out
    assert "a p-value of 1e-06 cannot be claimed with 20,000 calibration events" in said
    assert "True 10,000 normal events do not look like those of the calibration" in said

"""Whether an exported folder is what was written, and still gives what torch gives on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gnnreco.deploy.onnx_parity import measure
from gnnreco.onnx_bundle import load_onnx

ROUNDINGS = 4  # another processor sums in another order


def verify_onnx(folder: str | Path) -> list[dict[str, Any]]:
    """Check sums, the model and its parity with its bundle; a row for each: ``check, found, wanted, passed``.

    Raises
    ------
    BadBundle
        If a sum differs, the model is not valid ONNX, or it comes from another bundle.
    """
    exported = load_onnx(folder)
    stated = exported.manifest["parity"]
    parity = measure(exported, int(stated["seed"]) + 1)
    limit = max(stated["tolerance"], ROUNDINGS * stated["relative"])
    facts = exported.manifest["model"]
    return [
        {"check": "sums", "found": "agree", "wanted": "agree", "passed": True},
        {"check": "model", "found": f"opset {facts['opset']}", "wanted": "valid ONNX", "passed": True},
        {
            "check": "parity with torch",
            "found": f"{parity['relative']:.2g}",
            "wanted": f"at most {limit:.2g}",
            "passed": parity["relative"] <= limit,
        },
    ]

"""Whether an exported folder holds the trained bundle that it names, and still gives what torch gives on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from gnnreco.bundle import Bundle
from gnnreco.bundle.onnx import MODELS, ONE_THREAD_MODEL, OnnxBundle, load_onnx, make_onnx, network_weights
from gnnreco.deploy.proof.checks import SOURCES, TRAINED, Check, Row, run_checks
from gnnreco.deploy.proof.provenance import find_trained
from gnnreco.progress import Progress

from .parity import TOLERANCE, measure

ROUNDINGS = 4  # of weights in eight bits: another processor sums in another order


def verify_onnx(
    folder: str | Path, bundle: str = "", trust: bool = False, progress: Progress | None = None
) -> list[Row]:
    """Check sums, the weights beside the trained bundle, the models and their parity with torch; a row for each.

    Parameters
    ----------
    folder : path
    bundle : str
        The trained bundle; by default the one of the sum that the folder names, if it is here.
    trust : bool
        Run models that cannot be made again from the bundle.

    Raises
    ------
    BadBundle
        If a sum differs, a model is not valid ONNX, or it comes from another bundle than the one beside it.
    """
    exported = load_onnx(folder)
    said = exported.manifest["bundle"]
    trained = find_trained(str(said["name"]), str(said["sha256"]), bundle)
    checks: dict[str, Callable[[], Check]] = {
        "sums": lambda: (True, "agree"),
        TRAINED: lambda: _same_weights(exported.bundle, trained),
        SOURCES: lambda: _same_models(exported, trust),
        "parity with torch": lambda: _parity(exported, trust),
    }
    return run_checks(checks, progress)


def _same_weights(found: Bundle, trained: Bundle | None) -> Check:
    """Whether the bundle in the folder is the trained one, in every number of its network and setting."""
    sha256 = str(found.manifest["sha256"])
    if trained is None:
        return (
            None,
            f"not compared: no bundle here has the sum {sha256[:12]} of '{found.name}': give --bundle",
        )
    mine, theirs = network_weights(found), network_weights(trained)
    wrong = [name for name in theirs if not np.array_equal(mine[name], theirs[name])]
    if wrong or found.config != trained.config:
        what = f"weight '{wrong[0]}'" if wrong else "a setting"
        return False, f"{what} is not that of bundle '{trained.name}'"
    other = (
        "" if trained.manifest["sha256"] == sha256 else f"; its manifest is another one than {sha256[:12]}"
    )
    return True, f"every weight and setting is that of bundle '{trained.name}'{other}"


def _same_models(exported: OnnxBundle, trust: bool) -> Check:
    """Whether each model is the graph that the bundle gives, with its weights, in every bit."""
    int8 = exported.manifest["model"]["weights"] == "int8"
    for name in MODELS:
        found = onnx.load_model_from_string(exported.models[name])
        made = onnx.load_model_from_string(make_onnx(exported.bundle, int8, name == ONE_THREAD_MODEL))
        mine, theirs = ({t.name: t for t in model.graph.initializer} for model in (found, made))
        wrong = sorted(t for t in {*mine, *theirs} if mine.get(t) != theirs.get(t))
        if (
            wrong
            or found.graph != made.graph
            or found.functions
            or list(found.opset_import) != list(made.opset_import)
        ):
            what = f"constant '{wrong[0]}' of {name}" if wrong else f"the graph of {name}"
            version = {p.key: p.value for p in found.metadata_props}.get("gnnreco.version", "?")
            why = f"{what} is not what the bundle gives (written by gnnreco {version})"
            return (
                (None, f"{why}; run all the same (--trust)")
                if trust
                else (False, f"{why}; export it again, or --trust")
            )
    return True, f"{' and '.join(MODELS)} are what the bundle gives, every weight in every bit"


def _parity(exported: OnnxBundle, trust: bool) -> Check:
    """How far ONNX Runtime is from torch here."""
    if not trust and not _same_models(exported, trust)[0]:
        return None, "not run: see sources"
    stated = exported.manifest["parity"]
    found = measure(exported, abs(int(stated["seed"])) % 2**31 + 1)["relative"]
    int8 = exported.manifest["model"]["weights"] == "int8"
    limit = max(TOLERANCE, ROUNDINGS * stated["relative"]) if int8 else TOLERANCE
    return found <= limit, f"differs by {found:.2g} of the largest logit, at most {limit:.2g} is due"

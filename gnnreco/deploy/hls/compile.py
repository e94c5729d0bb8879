"""From QONNX to a project of hls4ml, and its C simulation.

hls4ml's own reader of QONNX takes one width for all channels of a layer. Its arithmetic takes more: the quantiser that it
has for HGQ's networks holds a format for each channel. So its layers are made here, of what the QONNX file says, and hls4ml
derives all other types from them (its "bit exact" pass). Weights are compiled in: simulation sees what synthesis sees.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Floats
from gnnreco.deploy.toolchain import ToolFailed, run
from gnnreco.errors import MissingTool
from gnnreco.files.json_types import JsonDict

from .qonnx import Affine, Cut, Product, steps

PART = "xcvu9p-flga2104-2L-e"
BACKENDS = ("Vitis", "Vivado")
STRATEGIES = ("latency", "distributed_arithmetic")
CONFIG, SCRIPT = "hls4ml_config.yml", "build_lib.sh"
BUILD_SECONDS, RUN_SECONDS = 1800.0, 600.0
INCLUDED = ("", "firmware", "firmware/ap_types")
MAIN = """#include "firmware/{top}.cpp"
#include "{top}_bridge.cpp"
#include <cstdio>

int main() {{
    double x[{inputs}], answers[{outputs}];
    FILE *in = fopen("x", "rb"), *out = fopen("answers", "wb");
    while (fread(x, sizeof(double), {inputs}, in) == {inputs}) {{
        {top}_double(x, answers);
        fwrite(answers, sizeof(double), {outputs}, out);
    }}
    return fclose(out);
}}
"""


def write_project(
    model: Any, folder: Path, top: str, clock_ns: float, backend: str, strategy: str
) -> list[dict[str, str]]:
    """Write the project of a model of `qonnx_model` into a folder; the same model gives the same bytes.

    Returns
    -------
    list of dict
        Name, kind and types of each layer, as hls4ml made them.
    """
    # On import, and at every step, hls4ml talks to stdout.
    with contextlib.redirect_stdout(io.StringIO()):
        from hls4ml.model.graph import ModelGraph
        from hls4ml.utils.config import create_config

        config = create_config(
            output_dir=str(folder),
            project_name=top,
            backend=backend,
            part=PART,
            clock_period=clock_ns,
            io_type="io_parallel",
            write_tar=False,
            write_weights_txt=False,
        )
        whole = {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1, "Strategy": strategy, "BitExact": True}
        config["HLSConfig"] = {"Model": whole}
        graph = ModelGraph.from_layer_list(config, layers(model))
        graph.write()
    # What differs from run to run: where it was written, and a random stamp, which YAML quotes if it looks like a number.
    stamp = graph.config.get_config_value("Stamp")
    for name in (CONFIG, SCRIPT):
        text = (folder / name).read_text()
        (folder / name).write_text(
            text.replace(f"'{stamp}'", stamp).replace(stamp, "csim").replace(str(folder), ".")
        )
    found = []
    for layer in graph.get_layers():
        types = {k: str(t.precision) for k, t in layer.attributes.items() if hasattr(t, "precision")}
        found.append({"name": layer.name, "kind": layer.class_name, **types})
    return found


def layers(model: Any) -> list[JsonDict]:
    """Layers of hls4ml for what a model of `qonnx_model` does."""
    features = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    made: list[JsonDict] = [{"name": "x", "class_name": "InputLayer", "input_shape": [features]}]
    for i, step in enumerate(_simplified(steps(model))):
        layer = {"name": f"step{i}", "inputs": [made[-1]["name"]]}
        made.append(layer | _layer(step))
    return made


def simulate(folder: Path, top: str, x: Floats, outputs: int) -> Floats:
    """Compile a project's C simulation and run it, confined (see `gnnreco.deploy.toolchain.run`).

    Parameters
    ----------
    folder : Path
        Of the project: one that was just written by `write_project`, or that somebody trusts.
    top : str
        Its top function.
    x : float64 (b, features)
    outputs : int

    Returns
    -------
    float64 (b, outputs)

    Raises
    ------
    MissingTool
        If there is no C++ compiler, or it fails, or takes too long.
    """
    if shutil.which("g++") is None:
        raise MissingTool("g++", "is not installed, and the C simulation needs it: apt-get install g++")
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as place:
        built = Path(place)
        # One unit: reading the headers of the fixed-point types is most of the work.
        source = MAIN.format(top=top, inputs=x.shape[1], outputs=outputs)
        (built / "main.cpp").write_text(source)
        np.ascontiguousarray(x, np.float64).tofile(built / "x")
        flags = ["-O1", "-std=c++17", "-w", *(f"-I{folder.resolve() / part}" for part in INCLUDED)]
        run(["g++", *flags, "main.cpp", "-o", "csim"], built, BUILD_SECONDS)
        run(["./csim"], built, RUN_SECONDS, name="C simulation")
        found = np.fromfile(built / "answers", np.float64)
    if found.size != len(x) * outputs:
        raise ToolFailed("C simulation", f"gave {found.size:,} numbers for {len(x) * outputs:,}")
    return found.reshape(len(x), outputs)


def _simplified(found: Iterable[Cut | Affine | Product]) -> list[Cut | Affine | Product]:
    """Without what does nothing, and one quantiser for two in a row, of which hls4ml would lose one."""
    kept: list[Cut | Affine | Product] = []
    for step in found:
        if isinstance(step, Affine) and (step.scale == 1).all() and (step.bias == 0).all():
            continue
        last = kept[-1] if kept else None
        if isinstance(step, Cut) and isinstance(last, Cut):
            # Exact: where a range ends off the grid of what comes in, half a step is added between (`QuantNodes.cut`).
            low, high = (np.clip(np.floor(v / step.step) * step.step, step.low, step.high) for v in last[1:])
            kept[-1] = Cut(np.maximum(last.step, step.step), low, high)
        else:
            kept.append(step)
    return kept


def _layer(step: Cut | Affine | Product) -> JsonDict:
    if isinstance(step, Cut):
        return _quantiser(step)
    return _scaled(step) if isinstance(step, Affine) else _dense(step)


def _quantiser(cut: Cut) -> JsonDict:
    """Formats by channel: sign, width with it, integer bits with it."""
    alive = cut.high > cut.low
    sign = alive & (cut.low < 0)
    integer = np.where(alive, sign + np.round(np.log2(np.where(alive, cut.high + cut.step, 1.0))), 0)
    width = np.where(alive, integer - np.log2(cut.step), 0)
    formats = tuple(v.astype(np.int16)[None] for v in (sign, width, integer))
    return {
        "class_name": "FixedPointQuantizer",
        "mask_kbi": formats,
        "RND": "TRN",
        "SAT": "SAT",
        "overrides": {},
        "fusible": False,
    }


def _scaled(step: Affine) -> JsonDict:
    n = len(step.scale)
    return {
        "class_name": "BatchNormalization",
        "n_in": n,
        "n_filt": n,
        "scale_data": step.scale,
        "bias_data": step.bias,
    }


def _dense(step: Product) -> JsonDict:
    n, m = step.weight.shape
    return {"class_name": "Dense", "n_in": n, "n_out": m, "weight_data": step.weight, "bias_data": step.bias}

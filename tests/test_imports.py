"""The rules of the house that a machine can check: imports run one way, no code comes from data."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gnnreco"
ANYWHERE = {"columns", "errors", "files", "kernels", "schema"}
ORDER = [
    {"particles"},
    {"geometry"},
    {"events"},
    {"simulate"},
    {"graphs"},
    {"models"},
    {"fit"},
    {"tasks"},
    {"bundle"},
    {"onnx_bundle"},
    {"pipeline"},
    {"reconstruct"},
    {"evaluate"},
    {"train"},
    {"deploy", "display"},
    {"compare", "trackml"},
    {"testing"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
LIGHT = {
    "gnnreco", "__future__", "argparse", "collections", "hashlib", "json", "os", "pathlib", "shlex", "shutil",
    "signal", "sys", "time", "typing",
}  # fmt: skip
MODULES = sorted(PACKAGE.rglob("*.py"))


def stage(module: Path) -> str:
    """The stage a file belongs to: the folder or file directly under gnnreco."""
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree: ast.AST, module: Path) -> list[str]:
    """Every dotted name a file imports, relative imports made absolute."""
    names = []
    package = ("gnnreco", *module.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            names += [
                ".".join((*base, node.module or "", alias.name)).replace("..", ".") for alias in node.names
            ]
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_run_one_way(module: Path) -> None:
    here = stage(module)
    if here == "__init__":
        return
    for name in imports(ast.parse(module.read_text()), module):
        parts = name.split(".")
        if parts[0] != "gnnreco" or len(parts) < 2 or parts[1] in {here, *ANYWHERE, "__version__"}:
            continue
        assert here not in ANYWHERE, f"{module.name} must not import {name}: it is imported from everywhere"
        assert parts[1] in RANK, f"{module.name} imports {name}, which has no place in the order"
        ok = RANK[parts[1]] < RANK[here] or ({here, parts[1]} <= ORDER[-1])
        assert ok, f"{module.name} ({here}) must not import {name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_nothing_runs_code_from_data(module: Path) -> None:
    tree = ast.parse(module.read_text())
    banned = {"pickle", "dill", "joblib", "cloudpickle", "marshal", "shelve"}
    assert not [n for n in imports(tree, module) if n.split(".")[0] in banned]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            assert call not in {"eval", "exec", "compile", "__import__", "torch.load", "yaml.load"}, (
                f"{call} in {module}"
            )
            if call.endswith(".load"):
                assert not [k for k in node.keywords if k.arg == "allow_pickle"], f"allow_pickle in {module}"
        assert not (isinstance(node, ast.Constant) and node.value == "_target_"), f"_target_ in {module}"


def test_configs_name_no_code() -> None:
    for file in (PACKAGE.parent / "configs").rglob("*.yaml"):
        assert "_target_" not in file.read_text(), file


@pytest.mark.parametrize(
    "name",
    ["__init__.py", "errors.py", *(f"cli/{file.name}" for file in sorted((PACKAGE / "cli").glob("*.py")))],
)
def test_the_command_line_starts_light(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text())
    top = ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
    assert {n.split(".")[0] for n in imports(top, PACKAGE / name)} <= LIGHT

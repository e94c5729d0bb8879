"""The rules of the house that a machine can check: imports run one way, no code comes from data."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gnnreco"
ANYWHERE = {
    "children",
    "columns",
    "errors",
    "files",
    "kernels",
    "latencies",
    "progress",
    "renamed",
    "schema",
    "summary",
}
ORDER = [
    {"particles", "statistics"},
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
    {"compare", "trackml", "pyg", "report", "score", "search", "serve", "warm"},
    {"testing", "front", "generate"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
LIGHT = {
    "gnnreco",
    "__future__",
    "argparse",
    "collections",
    "contextlib",
    "hashlib",
    "io",
    "json",
    "logging",
    "os",
    "pathlib",
    "re",
    "shlex",
    "shutil",
    "importlib",
    "signal",
    "sys",
    "time",
    "traceback",
    "types",
    "typing",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def nodes_of(module: Path) -> tuple[ast.AST, ...]:
    """All nodes of the syntax tree of a file."""
    return tuple(ast.walk(ast.parse(module.read_text())))


def stage(module: Path) -> str:
    """The stage a file belongs to: the folder or file directly under gnnreco."""
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree: ast.AST, module: Path) -> list[str]:
    """Every dotted name a file imports, relative imports made absolute."""
    return dotted(ast.walk(tree), module)


def dotted(nodes: Iterable[ast.AST], module: Path) -> list[str]:
    """The names that import statements among some nodes of a file name, relative imports made absolute."""
    names = []
    package = ("gnnreco", *module.relative_to(PACKAGE).parent.parts)
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            names += [
                ".".join((*base, node.module or "", alias.name)).replace("..", ".") for alias in node.names
            ]
    return names


def against_the_order(module: Path) -> Iterator[str]:
    """What a file imports that it must not."""
    here = stage(module)
    if here in {"__init__", "__main__"}:
        return
    for name in dotted(nodes_of(module), module):
        parts = name.split(".")
        if parts[0] != "gnnreco" or len(parts) < 2 or parts[1] in {here, *ANYWHERE, "__version__"}:
            continue
        if here in ANYWHERE:
            yield f"{module} must not import {name}: it is imported from everywhere"
        elif parts[1] not in RANK:
            yield f"{module} imports {name}, which has no place in the order"
        elif RANK[parts[1]] >= RANK[here] and not {here, parts[1]} <= ORDER[-1]:
            yield f"{module} ({here}) must not import {name}"


def code_from_data(module: Path) -> Iterator[str]:
    """What in a file could run code that came as data."""
    banned = {"pickle", "dill", "joblib", "cloudpickle", "marshal", "shelve"}
    yield from (f"{n} in {module}" for n in dotted(nodes_of(module), module) if n.split(".")[0] in banned)
    for node in nodes_of(module):
        if isinstance(node, ast.Call):
            call = called(node.func)
            if call in {"eval", "exec", "compile", "__import__", "torch.load", "yaml.load"}:
                yield f"{call} in {module}"
            if call.endswith(".load") and [k for k in node.keywords if k.arg == "allow_pickle"]:
                yield f"allow_pickle in {module}"
        elif isinstance(node, ast.Constant) and node.value == "_target_":
            yield f"_target_ in {module}"


def called(function: ast.expr) -> str:
    """The dotted name of what is called; of what has no such name, the end that has."""
    if isinstance(function, ast.Name):
        return function.id
    return f"{called(function.value)}.{function.attr}" if isinstance(function, ast.Attribute) else ""


# One test for all files: a test for each of them takes longer to collect than to run.
def test_imports_run_one_way() -> None:
    assert not [fault for module in MODULES for fault in against_the_order(module)]


def test_nothing_runs_code_from_data() -> None:
    assert not [fault for module in MODULES for fault in code_from_data(module)]


def test_what_is_forbidden_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path / "gnnreco")
    file = tmp_path / "gnnreco" / "fit" / "bad.py"
    file.parent.mkdir(parents=True)
    lines = (
        "from gnnreco.tasks import Task",
        "import gnnreco.nowhere",
        "import pickle",
        "from ..geometry import cells",
    )
    calls = (
        "np.load(f, allow_pickle=True)",
        "a[0](x).load(f, allow_pickle=True)",
        "torch.load(f)",
        "eval(x)",
        "'_target_'",
    )
    file.write_text("\n".join((*lines, *calls)))
    assert [fault.split(" import")[-1] for fault in against_the_order(file)] == [
        " gnnreco.tasks.Task",
        "s gnnreco.nowhere, which has no place in the order",
    ]
    found = {fault.split(" in ")[0] for fault in code_from_data(file)}
    assert found == {"pickle", "allow_pickle", "torch.load", "eval", "_target_"}
    assert len(list(code_from_data(file))) == 6


def test_configs_name_no_code() -> None:
    for file in (PACKAGE.parent / "configs").rglob("*.yaml"):
        assert "_target_" not in file.read_text(), file


@pytest.mark.parametrize(
    "name",
    [
        "__init__.py",
        "errors.py",
        *(str(f.relative_to(PACKAGE)) for f in sorted((PACKAGE / "cli").rglob("*.py"))),
    ],
)
def test_the_command_line_starts_light(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text())
    top = ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
    assert {n.split(".")[0] for n in imports(top, PACKAGE / name)} <= LIGHT


def run_at_import(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a file is imported: not functions, nor what only a type checker reads."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) in {
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        }
        for block in ("orelse", "finalbody") if typing_only else ("body", "orelse", "finalbody"):
            yield from run_at_import(getattr(node, block, ()))
        for handler in getattr(node, "handlers", ()):
            yield from run_at_import(handler.body)


def module_name(module: Path) -> str:
    """The dotted name of a file; a package's ``__init__.py`` bears that of the package."""
    parts = module.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def first_loaded(module: Path, known: set[str]) -> set[str]:
    """The files that must run before a file can.

    They are those it names, and the faces of the packages on the way to them. The faces of packages that the file itself
    lies in do not count: Python has begun with them when it reaches the file, and they bring it in on purpose. A file that
    asks such a face for a name counts, since whether that works depends on which of the two was imported first.
    """
    here = module_name(module)
    found = set()
    for name in dotted(run_at_import(ast.parse(module.read_text()).body), module):
        target = name if name in known else name.rpartition(".")[0]
        if target not in known:
            continue
        steps = target.split(".")
        faces = {".".join(steps[:depth]) for depth in range(1, len(steps))}
        found |= {target} | {face for face in faces if not f"{here}.".startswith(f"{face}.")}
    return found - {here}


def circle(modules: Iterable[Path]) -> list[str]:
    """The names along one circle of imports; empty where there is none."""
    known = {module_name(module) for module in modules}
    graph = {module_name(module): first_loaded(module, known) for module in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_imports_run_in_a_circle() -> None:
    assert not circle(MODULES)


def test_a_circle_of_imports_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path / "gnnreco")
    texts = {
        "__init__.py": "",
        "a/__init__.py": "from .near import near",
        "a/near.py": "from .far import far",
        "a/far.py": "def late():\n    from .near import near",
        "b.py": "from gnnreco.a.far import far",
    }
    for name, text in texts.items():
        file = tmp_path / "gnnreco" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    modules = sorted(tmp_path.rglob("*.py"))
    assert not circle(modules)
    (tmp_path / "gnnreco/a/far.py").write_text("from gnnreco.b import far")
    assert set(circle(modules)) >= {"gnnreco.a.far", "gnnreco.b"}
    (tmp_path / "gnnreco/a/far.py").write_text(
        "try:\n    from gnnreco.a import close\nexcept ImportError:\n    pass"
    )
    assert "gnnreco.a" in circle(modules)


def test_no_folder_is_too_full_to_see_whole() -> None:
    tests = {file.parent for file in Path(__file__).parent.rglob("*.py")} - {Path(__file__).parent}
    for folder in {module.parent for module in MODULES} - {PACKAGE} | tests:
        entries = [entry.name for entry in folder.iterdir() if entry.name != "__pycache__"]
        assert len(entries) <= 15, (
            f"{folder} holds {len(entries)} files and folders: give some a room of their own"
        )

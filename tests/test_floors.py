"""The floors of docs/architecture.md, read off the imports: who may see whom, who may write files, what starting up may load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fmnist_viz

ROOT = Path(fmnist_viz.__file__).parent
FLOORS = {
    "core": 0, "data": 1, "models": 1, "reduce": 1, "neighbors": 1, "features": 2, "projection": 2, "analysis": 2,
    "training": 3, "display": 3, "export": 4, "pipeline": 5, "cli": 6, "__init__": 6, "__main__": 6,
}  # fmt: skip
HEAVY = ("tensorflow", "keras", "umap", "numba", "sklearn", "bokeh", "matplotlib", "pandas")

# Libraries that write by themselves, into a path or folder that core/store.py has staged or watches over.
WRITERS = {
    "core/store.py": {"open(wb)"},
    "data/download.py": {"open(wb)"},
    "training/fit.py": {"model.save"},
    "export/figures.py": {"save", "savefig"},
    "export/projector/checkpoint.py": {"save"},
}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import of this package in a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "fmnist_viz")


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in modules()} == set(FLOORS)


def test_imports_go_down_and_rooms_on_one_floor_do_not_see_each_other() -> None:
    wrong = []
    for path in modules():
        own = room(path)
        for line, name in imported(path):
            other = name.split(".")[1] if name.split(".")[1] in FLOORS else "__init__"
            if own != other and FLOORS[other] >= FLOORS[own] and (own, other) != ("__main__", "cli"):
                wrong.append(f"{path.relative_to(ROOT)}:{line} ({own}, floor {FLOORS[own]}) imports {name} (floor {FLOORS[other]})")
    assert not wrong, "\n".join(wrong)


def test_no_drawer_for_odds_and_ends() -> None:
    odd = [path for path in modules() if path.stem.strip("_") in {"util", "utils", "helper", "helpers", "common", "misc"}]
    assert not odd


def writes(path: Path) -> Iterator[tuple[int, str]]:
    """(line, what) of every call that can open a file for writing; what is written into memory or by `write_file(...)` is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    staged = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "write_file" for inner in ast.walk(node)}
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign) and ast.unparse(node.value) == "io.BytesIO()"]
    memory = {ast.unparse(target) for node in assigned for target in node.targets}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in staged:
            continue
        function = ast.unparse(node.func)
        name = function.rpartition(".")[2]
        first = ast.unparse(node.args[0]) if node.args else ""
        if name == "open" and function != "os.open":
            values = [*node.args, *(k.value for k in node.keywords if k.arg == "mode")]
            modes = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
            yield from ((node.lineno, f"open({mode})") for mode in modes if len(mode) <= 3 and set(mode) & set("wax+"))
        elif name in {"write_text", "write_bytes", "touch"} or (name == "savefig" and first not in memory):
            yield node.lineno, name
        elif function in {"np.save", "np.savez", "np.savez_compressed", "np.savetxt", "json.dump"}:
            yield node.lineno, function
        elif name == "save" and first not in memory and function not in {"save", "manifest.save", "self.save", "ctx.folder.manifest.save"}:
            yield node.lineno, "model.save" if "model" in function else "save"
        elif name in {"to_csv", "to_json", "to_html", "to_parquet"} and (node.args or any(k.arg == "path_or_buf" for k in node.keywords)):
            yield node.lineno, name


def test_only_the_store_opens_files_for_writing() -> None:
    wrong = []
    for path in modules():
        name = path.relative_to(ROOT).as_posix()
        wrong += [f"{name}:{line} {what}" for line, what in writes(path) if what not in WRITERS.get(name, set())]
    assert not wrong, "\n".join(wrong)


def test_those_who_write_by_themselves_go_through_the_store() -> None:
    doors = {f"fmnist_viz.core.store.{name}" for name in ("staged_file", "staged_folder", "disk_errors")}
    for name in WRITERS.keys() - {"core/store.py"}:
        assert doors & {imports for _, imports in imported(ROOT / name)}, name


@pytest.mark.parametrize(
    "start",
    ["import fmnist_viz", "import fmnist_viz.cli as c; c.app(['--help'], standalone_mode=False)"],
    ids=["import", "help"],
)
def test_starting_up_loads_nothing_heavy(start: str) -> None:
    code = f"import sys, json\n{start}\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stderr)}
    assert "fmnist_viz" in loaded
    assert not loaded & set(HEAVY)


def test_every_public_name_is_there() -> None:
    for name in fmnist_viz.__all__:
        assert getattr(fmnist_viz, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = fmnist_viz.nonsense

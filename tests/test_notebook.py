"""The notebook does what it says: its cells run in order, in one namespace, on the shipped sample."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "fashion_mnist.ipynb"
SMALL = 'DATA, EPOCHS, POINTS, METHODS, FOLDER = "sample", 1, 200, "pca", "logs"'


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def tagged(tag: str) -> list[str]:
    return [source(cell) for cell in cells() if tag in cell["metadata"].get("tags", [])]


def run_cell(text: str, space: dict[str, Any]) -> Any:
    """Run a cell; returns what a notebook would display below it: the value of its last line, if that is an expression."""
    tree = ast.parse(text)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), space)
    return eval(compile(last, "<cell>", "eval"), space) if last else None


def test_it_is_plain_python_and_holds_no_outputs() -> None:
    for cell in cells():
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            assert not re.search(r"^\s*[!%]", source(cell), re.M), "a shell line or a magic: the cells must run as Python"
    assert len(tagged("install")) == len(tagged("parameters")) == 1
    assert "index-url" not in tagged("install")[0] and "http" not in tagged("install")[0]


def test_its_files_and_links_exist() -> None:
    for cell in cells():
        if cell["cell_type"] == "markdown":
            for target in re.findall(r"\]\((?!http|#)([^)#]+)", source(cell)):
                assert (NOTEBOOK.parent / target).exists(), target


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The namespace after the last cell; `shown` holds what a notebook would display below each cell, `said` what was printed."""
    (parameters,) = tagged("parameters")
    assigned = {line.split(" = ")[0] for line in parameters.splitlines()}
    assert assigned == {name.strip() for name in SMALL.split(" = ")[0].split(",")}, "the parameters cell has other names than this test replaces"
    space: dict[str, Any] = {"__name__": "__main__"}
    said = io.StringIO()
    home = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(home), contextlib.redirect_stdout(said):
        patch.setenv("FMNIST_VIZ_CACHE", str(home / "cache"))
        texts = [source(cell) for cell in cells() if cell["cell_type"] == "code"]
        shown = [run_cell(SMALL if text == parameters else text, space) for text in texts]
    return {**space, "shown": [value for value in shown if value is not None], "said": said.getvalue(), "home": home}


def test_it_leaves_a_run_that_verifies(after: dict[str, Any]) -> None:
    from fmnist_viz import verify

    run = after["home"] / "logs" / "dense128-notebook"
    assert verify(run).about["finished"]
    assert (run / "report.html").is_file() and (run / "projector" / "projector_config.pbtxt").is_file()
    assert "tensorboard --logdir logs" in after["said"] and "5,000 training and 1,000 test images" in after["said"]


def test_what_it_shows_is_of_its_run(after: dict[str, Any]) -> None:
    kinds = [type(value) for value in after["shown"]]
    assert kinds.count(Figure) == 2 and kinds.count(pd.DataFrame) == 2, kinds
    history, pairs = (value for value in after["shown"] if isinstance(value, pd.DataFrame))
    assert len(history) == 1 and list(pairs.columns[:2]) == list(after["found"].frames()["pairs"].columns[:2])
    predicted = after["predicted"]
    assert len(predicted) == after["found"].confusion.n == 200
    assert after["found"].confusion.accuracy[0] == pytest.approx((predicted["true"] == predicted["predicted"]).mean())
    assert (after["found"].predictions.y_pred == predicted["prediction"]).all()


@pytest.mark.parametrize(("there", "installed"), [("fmnist-viz/fmnist_viz/__init__.py", "fmnist-viz"), ("fmnist_viz-9.9-py3-none-any.whl", "whl"), ("", "")])
def test_it_installs_what_lies_beside_it_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str, installed: str) -> None:
    import importlib.util
    import subprocess

    called: list[list[str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: called.append(command))
    if there:
        (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / there).touch()
    if not there:
        with pytest.raises(SystemExit, match="upload its wheel"):
            run_cell(tagged("install")[0], {})
        assert not called
    else:
        run_cell(tagged("install")[0], {})
        assert len(called) == 1 and called[0][1:5] == ["-m", "pip", "install", "-q"]
        assert Path(called[0][5]).is_relative_to(tmp_path) and called[0][5].endswith(installed)

"""A model file is judged before Keras sees it: what is not on the list is refused by name, what is damaged is called so, honest models pass."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers as L

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput, VizError
from fmnist_viz.models.gate import LOOKUPS, MOST_DEPTH, MOST_SIZE, allowed, check_model_file
from fmnist_viz.models.zoo import PRESETS, build

ROOT = Path(__file__).parents[1]
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 3}, "registered_name": None}


def archive(path: Path, config: Any, **members: bytes) -> Path:
    """A file built like a .keras archive around any configuration; no weights worth the name."""
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(CONFIG, config if isinstance(config, (bytes, str)) else json.dumps(config))
        z.writestr(WEIGHTS, b"weights")
        for name, content in members.items():
            z.writestr(name, content)
    return path


def around(node: Any) -> dict[str, Any]:
    """A model whose only inner part is `node`."""
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [DENSE, node]}, "registered_name": None}


def node(name: str, config: Any = None, module: str | None = "keras.layers", **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config if config is not None else {"name": "odd"}, "registered_name": None, **more}


# --- what passes ------------------------------------------------------------------------------------------------------


def nested() -> keras.Model:
    inputs = keras.Input((16, 16, 3))
    inner = keras.Input((16, 16, 3))
    backbone = keras.Model(inner, L.GlobalAveragePooling2D()(L.Conv2D(2, 3, activation=keras.activations.silu)(inner)), name="backbone")
    backbone.compile("adam", "mse", metrics=["mae"])  # a compiled inner model keeps its optimiser in the file
    x = keras.ops.concatenate([backbone(inputs), backbone(inputs) + 1.0])
    return keras.Model(inputs, L.Dense(3, activation="softmax", kernel_regularizer="l2", dtype="mixed_float16")(x))


def sequential() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 1)), L.Rescaling(1 / 255), L.BatchNormalization(), L.Flatten(), L.Dense(2, "relu"), L.Dense(2)])


def mobilenet() -> keras.Model:
    return keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=3, alpha=0.35)


def of_preset(name: str) -> Callable[[], keras.Model]:
    return lambda: build(name, input_shape=(28, 28, 1), classes=10, seed=0)


@pytest.mark.parametrize("make", [nested, sequential, mobilenet, *map(of_preset, PRESETS)], ids=["nested", "sequential", "mobilenet", *PRESETS])
def test_honest_models_pass_and_open(tmp_path: Path, make: Callable[[], keras.Model]) -> None:
    from fmnist_viz.pipeline.features import load_model

    model, path = make(), tmp_path / "m.keras"
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(path)
    check_model_file(path)
    if make is not mobilenet:  # opening it takes seconds and shows nothing more
        opened = load_model(path.rename(tmp_path / "named otherwise.bin"))
        x = np.random.default_rng(0).uniform(0, 255, (2, *model.input_shape[1:])).astype(np.float32)
        np.testing.assert_allclose(opened(x), model(x), rtol=1e-3, atol=1e-3)


def test_the_list_is_what_the_installed_keras_exports() -> None:
    loader = importlib.machinery.SourceFileLoader("allow_list", str(ROOT / "scripts" / "allow-list"))
    spec = importlib.util.spec_from_loader("allow_list", loader)
    assert spec is not None
    script = importlib.util.module_from_spec(spec)
    loader.exec_module(script)
    assert script.LIST.read_text(encoding="utf-8") == script.generate()


def test_nothing_that_takes_code_is_on_the_list() -> None:
    names = {name for _, name in allowed()}
    assert not names & {"Lambda", "TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "Map", "Scan", "WhileLoop", "Cond", "VectorizedMap"}
    assert {module.split(".")[0] for module, _ in allowed()} == {"keras"}
    assert names >= LOOKUPS


def test_the_gate_loads_no_keras(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", around(node("Lambda")))
    code = (
        f"import sys\nfrom pathlib import Path\nfrom fmnist_viz.models.gate import check_model_file\n"
        f"try:\n    check_model_file(Path({str(path)!r}))\nexcept Exception as e:\n    print(type(e).__name__, {{'keras', 'tensorflow'}} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout == "UnsafeInput set()\n"


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, Any, str]] = [
    ("lambda layer", node("Lambda", {"name": "trick"}), "'trick' is a keras.layers.Lambda"),
    ("saved model layer", node("TFSMLayer"), "'odd' is of the class keras.layers.TFSMLayer"),
    ("other framework", node("TorchModuleWrapper"), "TorchModuleWrapper"),
    ("custom class", node("Mine", module="mine", registered_name="pkg>Mine"), "'odd' needs the custom class pkg>Mine"),
    ("foreign name of a known class", node("Dense", registered_name="pkg>Dense"), "needs the custom class pkg>Dense"),
    ("any module", node("system", module="os"), "of the class os.system"),
    ("inner module", node("Dense", module="keras.src.layers.core.dense"), "keras.src.layers.core.dense.Dense"),
    ("no module", node("Dense", module=None), "of the class None.Dense"),
    ("a Python lambda", node("Dense", {"name": "x", "activation": {"class_name": "__lambda__", "config": {"value": "0"}}}), "holds a Python lambda"),
    ("a type", node("__typespec__", module="builtins"), "__typespec__"),
    ("a function", {"class_name": "function", "module": "builtins", "config": "eval", "registered_name": "eval"}, "builtins.eval, which is no activation"),
    ("keras function", {"class_name": "function", "module": "keras.utils", "config": "get_file"}, "keras.utils.get_file"),
    ("masked function", {"class_name": "function", "module": "keras.activations", "config": "relu", "registered_name": "pkg>relu"}, "no activation"),
    ("vocabulary file", node("StringLookup", {"name": "words", "vocabulary": "words.txt"}), "'words' is a StringLookup that would read the file 'words.txt'"),
    ("class that is no text", {"class_name": ["Dense"], "module": "keras.layers"}, "names the class"),
    ("deep inside", {"a": [{"b": {"c": [node("Lambda")]}}]}, "keras.layers.Lambda"),
    ("in the arguments of a call", node("Dense", inbound_nodes=[{"args": [node("Lambda")], "kwargs": {}}]), "keras.layers.Lambda"),
]


@pytest.mark.parametrize(("inner", "says"), [(inner, says) for _, inner, says in REFUSED], ids=[name for name, _, _ in REFUSED])
def test_what_is_not_on_the_list_is_refused_by_name(tmp_path: Path, inner: Any, says: str) -> None:
    path = archive(tmp_path / "m.keras", around(inner))
    with pytest.raises(UnsafeInput) as caught:
        check_model_file(path)
    assert says in str(caught.value)
    assert ("--representation" if "custom class" in says else "--trust-model") in str(caught.value) and "\n" not in str(caught.value)
    check_model_file(path, trust=True)  # the person's own word


def test_plain_values_are_no_code(tmp_path: Path) -> None:
    plain = {"args": [{"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["d", 0, 0]}}, 1.5]}
    vocabulary = node("StringLookup", {"name": "words", "vocabulary": ["a", "b"]})
    activation = {"class_name": "function", "module": "builtins", "config": "relu", "registered_name": "relu"}
    check_model_file(archive(tmp_path / "m.keras", around([plain, vocabulary, activation])))


@settings(max_examples=60, deadline=None)
@given(
    module=st.sampled_from(["keras.layers", "keras", "keras.src.ops.numpy", "builtins", "subprocess", ""]) | st.text(max_size=12),
    name=st.sampled_from(["Dense", "Lambda", "Add", "function", "exec"]) | st.text(max_size=12),
    depth=st.integers(0, 20),
)
def test_only_pairs_on_the_list_pass(tmp_path_factory: pytest.TempPathFactory, module: str, name: str, depth: int) -> None:
    inner: Any = node(name, module=module)
    for level in range(depth):
        inner = [inner] if level % 2 else {"config": inner}
    path = archive(tmp_path_factory.mktemp("g") / "m.keras", around(inner))
    if (module, name) in allowed() or name in ("__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"):
        check_model_file(path)
    else:
        with pytest.raises(UnsafeInput):
            check_model_file(path)


# --- what is no model -------------------------------------------------------------------------------------------------


def whole(path: Path) -> bytes:
    sequential().save(path / "whole.keras")
    return (path / "whole.keras").read_bytes()


def zipped(path: Path, *names: str) -> bytes:
    with zipfile.ZipFile(path / "z", "w") as z:
        for name in names:
            z.writestr(name, b"{}")
    return (path / "z").read_bytes()


SAFETENSORS = (16).to_bytes(8, "little") + b'{"__metadata__":' + b"0" * 40
KINDS: list[tuple[str, Callable[[Path], bytes], type[VizError], str]] = [
    ("truncated", lambda p: whole(p)[:-400], BadInput, "no intact .keras archive"),
    ("flipped", lambda p: (b := whole(p))[: len(b) // 2] + bytes([b[len(b) // 2] ^ 1]) + b[len(b) // 2 + 1 :], BadInput, "damaged|no intact"),
    ("empty", lambda p: b"", BadInput, "is empty"),
    ("text", lambda p: b"hello, model", BadInput, "no .keras archive"),
    ("hdf5", lambda p: b"\x89HDF\r\n\x1a\n" + bytes(90), BadInput, r"HDF5 file: a model of the older \.h5 format"),
    ("lfs", lambda p: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", BadInput, "git-lfs pointer"),
    ("html", lambda p: b"<!DOCTYPE html><html>404</html>", BadInput, "HTML or XML page"),
    ("pickle", lambda p: pickle.dumps([1, 2]), UnsafeInput, "Python pickle"),
    ("safetensors", lambda p: SAFETENSORS, BadInput, "safetensors"),
    ("pytorch", lambda p: zipped(p, "archive/data.pkl", "archive/version"), UnsafeInput, "PyTorch file"),
    ("no weights", lambda p: zipped(p, CONFIG, "metadata.json"), BadInput, "model.weights.h5 is missing"),
    ("no config", lambda p: zipped(p, WEIGHTS), BadInput, "config.json is missing"),
    ("outside", lambda p: zipped(p, CONFIG, WEIGHTS, "../evil"), UnsafeInput, "'../evil'"),
    ("absolute", lambda p: zipped(p, CONFIG, WEIGHTS, "/evil"), UnsafeInput, "'/evil'"),
    ("stranger", lambda p: zipped(p, CONFIG, WEIGHTS, "run.py"), UnsafeInput, "'run.py'"),
    ("no json", lambda p: archive(p / "j", b"{").read_bytes(), BadInput, "config.json is no JSON"),
    ("deep", lambda p: archive(p / "j", "[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1)).read_bytes(), ResourceError, "nested 201 deep"),
    ("huge layer", lambda p: archive(p / "j", around(node("Dense", {"name": "big", "units": 4 * 10**9}))).read_bytes(), ResourceError, "'big'.*4,000,000,000"),
    ("bomb", lambda p: bomb(p), ResourceError, "would unpack"),
]


def bomb(path: Path) -> bytes:
    with zipfile.ZipFile(path / "b", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(CONFIG, b"{}")
        z.writestr(WEIGHTS, bytes(4 << 20))
    return (path / "b").read_bytes()


@pytest.mark.parametrize(("make", "kind", "says"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_what_is_no_model_is_called_by_its_name(tmp_path: Path, make: Callable[[Path], bytes], kind: type[VizError], says: str) -> None:
    path = tmp_path / "mine.keras"
    path.write_bytes(make(tmp_path))
    with pytest.raises(kind, match=says) as caught:
        check_model_file(path)
    assert "mine.keras" in str(caught.value)
    assert MOST_SIZE < 4 * 10**9


def test_a_member_that_is_there_twice(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", {})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as z:
        z.writestr(CONFIG, "{}")
    with pytest.raises(UnsafeInput, match="twice"):
        check_model_file(path)


def test_folders_and_missing_files(tmp_path: Path) -> None:
    for path, says in ((tmp_path, "is a folder"), (tmp_path / "none.keras", "no such file")):
        with pytest.raises(BadInput, match=says):
            check_model_file(path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(BadInput, match="SavedModel folder"):
        check_model_file(tmp_path)

"""Settings: one digest for equal values, TOML there and back, and a line that helps for every wrong one."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_viz.core.config import canonical, check_options, digest, option, read_toml, to_toml
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.data.config import DataConfig
from fmnist_viz.features.config import FeatureConfig
from fmnist_viz.pipeline.config import ModelFileConfig, RunConfig, ViewConfig
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.training.config import ComputeConfig, FitConfig

CONFIGS = [DataConfig, FeatureConfig, MapConfig, ViewConfig, ModelFileConfig, FitConfig, ComputeConfig]


@dataclass(frozen=True)
class Odd:
    text: str = option("", "Any text.")
    number: float = option(1.0, "Any number.", low=-1e300, high=1e300)
    whole: int = option(0, "Any whole number.", unit="things", low=-5, high=1000)
    switch: bool = option(False, "On or off.")
    choice: str = option("a", "One of two.", choices=("a", "b"))

    def __post_init__(self) -> None:
        check_options(self)


def test_a_digest_depends_on_values_not_on_how_they_are_held() -> None:
    plain = {"b": 1, "a": {"x": [1, 2.5, None], "y": True}}
    assert digest(plain) == digest({"a": {"y": np.True_, "x": (np.int64(1), np.float32(2.5), None)}, "b": 1})
    assert digest({"s": {"b", "a"}}) == digest({"s": ["a", "b"]})
    assert digest(MapConfig()) == digest(dataclasses.asdict(MapConfig()))
    # written down: were it to change, every cache and every run's name would be useless
    assert digest(plain) == "2e5c58cfce02b9b876c0c25b1938cedbc2f623f47aa31eaf29d3166ec9e21d00"
    assert canonical({"b": 1, "a": "ü"}) == '{"a":"\\u00fc","b":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), np.zeros(2), b"bytes"])
def test_what_has_no_place_in_a_key_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest({"x": value})


@pytest.mark.parametrize("kind", CONFIGS)
def test_defaults_go_through_toml_unchanged(kind: type, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(to_toml([kind()], header="made by\na test"), encoding="utf-8")
    back = read_toml(str(path), [f.name for f in dataclasses.fields(kind)])
    assert kind(**back) == kind()
    assert digest(kind(**back)) == digest(kind())


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_option_says_what_it_is(kind: type) -> None:
    for f in dataclasses.fields(kind):
        assert f.metadata["help"], f.name
        assert "\n" not in f.metadata["help"]
        if f.type in ("int", "float"):
            assert f.metadata["low"] is not None or f.metadata["choices"], f"{kind.__name__}.{f.name} has no lower bound"


def test_no_two_stages_have_an_option_of_one_name() -> None:
    # config.toml is flat
    names = [f.name for kind in CONFIGS for f in dataclasses.fields(kind)]
    assert len(set(names)) == len(names)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    number=st.floats(-1e300, 1e300),
    whole=st.integers(-5, 1000),
    switch=st.booleans(),
    choice=st.sampled_from("ab"),
    header=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_value_goes_through_toml_unchanged(text: str, number: float, whole: int, switch: bool, choice: str, header: str) -> None:
    config = Odd(text, number, whole, switch, choice)
    assert Odd(**tomllib.loads(to_toml([config], header=header))) == config


def test_whole_numbers_are_floats_where_floats_are_meant() -> None:
    assert digest(MapConfig(perplexity=30)) == digest(MapConfig(perplexity=30.0))
    assert isinstance(MapConfig(perplexity=30).perplexity, float)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"perplexity": 0.5}, "--perplexity: 0.5 is out of range. Give at least 1 points."),
        ({"n_neighbors": 1001}, "--n-neighbors: 1001 is out of range. Give at most 1,000 points."),
        ({"perplexity": float("nan")}, "--perplexity: nan is not a number. Give a number."),
        ({"perplexity": "many"}, "--perplexity: 'many' is not a number. Give a number."),
        ({"n_iter": 500.5}, "--n-iter: 500.5 is not a whole number. Give a whole number."),
        ({"n_iter": True}, "--n-iter: True is not a whole number. Give a whole number."),
        ({"metric": "manhattan"}, "metric 'manhattan': there is no such metric. Choose from: euclidean, cosine."),
        ({"dims": 4}, "dims '4': there is no such dims. Choose from: 2, 3."),
        ({"methods": "pca,isomap"}, "method 'isomap': there is no such method. Choose from: pca, tsne, umap."),
    ],
)
def test_wrong_values_are_named_with_what_would_be_right(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        MapConfig(**values)
    assert str(caught.value) == says
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("bound", [1.0, 1000.0])
def test_bounds_are_inclusive(bound: float) -> None:
    assert MapConfig(perplexity=bound).perplexity == bound


def test_methods_are_read_with_blanks_and_repeats() -> None:
    assert MapConfig(methods=" umap, pca,,umap ").method_names == ("umap", "pca")


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("perplexty = 3", UsageError, "'perplexty' is no setting. Did you mean perplexity?"),
        ("epochs = ", BadInput, "is not valid TOML"),
        ("[a]\nepochs = 1\n[b]\nepochs = 2", UsageError, "sets epochs twice"),
        (None, BadInput, "cannot be read"),
    ],
)
def test_a_wrong_file(tmp_path: Path, text: str | None, kind: type[Exception], says: str) -> None:
    path = tmp_path / "config.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kind, match=says.replace("?", r"\?").replace(".", r"\.")):
        read_toml(str(path), ["perplexity", "epochs"])


def test_sections_and_dashes_are_let_through(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("epochs = 3\n[maps]\nn-iter = 500\n")
    assert read_toml(str(path), ["epochs", "n_iter"]) == {"epochs": 3, "n_iter": 500}


def test_a_runs_digest_is_of_content_not_of_places() -> None:
    def of(**changes: Any) -> str:
        return RunConfig(**changes).digest(command="train-and-export", data="abc", threads=2)

    assert of() == of(data=DataConfig(data_dir="/somewhere/else"))
    assert of() != of(maps=MapConfig(perplexity=31))
    assert of() != of(view=ViewConfig(seed=1))
    assert RunConfig().digest(command="train-and-export", data="abd", threads=2) != of()
    assert RunConfig().digest(command="train-and-export", data="abc", threads=1) != of()

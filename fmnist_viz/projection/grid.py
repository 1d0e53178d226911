"""Which maps a grid of parameters asks for: ``perplexity=5,30,100 n_neighbors=5,15,50`` as one configuration per map."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fmnist_viz.core.errors import UsageError, unknown_choice
from fmnist_viz.projection.config import METHODS, SUPERVISED, MapConfig

READ_BY = {  # parameter -> methods that read it
    "perplexity": ("tsne",), "n_iter": ("tsne",),
    "n_neighbors": ("umap", SUPERVISED), "min_dist": ("umap", SUPERVISED), "umap_epochs": ("umap", SUPERVISED),
}  # fmt: skip
WORDS = {"perplexity": "perplexity", "n_iter": "iterations", "n_neighbors": "neighbours", "min_dist": "min. distance", "umap_epochs": "epochs"}
ALL_METHODS = (*METHODS, SUPERVISED)
MOST = 25  # maps of one method: more are no longer compared by eye, and a mistyped list should not run for hours
COMPONENTS = 10  # principal components that a PCA's axes may be chosen from


@dataclass(frozen=True)
class Setting:
    """One map: a method, all its values, and those that are varied in the words of a panel's head (empty where nothing is)."""

    method: str
    config: MapConfig
    varied: tuple[tuple[str, float], ...] = ()
    components: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """``perplexity 30``, ``15 neighbours, min. distance 0.1``; of a PCA its components."""
        if self.components:
            return "components " + ", ".join(map(str, self.components))
        return ", ".join(f"{value:g} neighbours" if name == "n_neighbors" else f"{WORDS[name]} {value:g}" for name, value in self.varied)

    @property
    def stem(self) -> str:
        """``tsne_perplexity-30``: a file name's part that differs between the settings of one grid."""
        parts = [f"{name}-{value:g}" for name, value in self.varied] or ["components-" + "-".join(map(str, self.components))] * bool(self.components)
        return "_".join([self.method, *parts])


def read_grid(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """``["perplexity=5,30", "n_neighbors=15"]`` as values by parameter, in the order given, each value once.

    Raises UsageError for what is no such text, an unknown or repeated parameter, a value that is no number or outside the option's range.
    """
    found: dict[str, tuple[float, ...]] = {}
    for text in texts:
        written, sign, values = text.partition("=")
        name = written.strip().replace("-", "_")
        if not sign or not values.strip():
            raise UsageError("GRID", f"--grid {text!r}", "is no parameter with values", "Write it as perplexity=5,30,100.")
        if name not in READ_BY:
            raise unknown_choice("parameter", written.strip(), READ_BY)
        if name in found:
            raise UsageError("GRID", f"--grid {text!r}", f"{name} is given twice", "Give all its values at once, separated by commas.")
        found[name] = tuple(dict.fromkeys(_number(name, value.strip()) for value in values.split(",") if value.strip()))
        if not found[name]:
            raise UsageError("GRID", f"--grid {text!r}", "holds no value", "Write it as perplexity=5,30,100.")
    return found


def _number(name: str, text: str) -> float:
    whole = MapConfig.__dataclass_fields__[name].type == "int"
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        raise UsageError(
            "GRID", f"--grid {name}={text}", f"{text!r} is not a {'whole ' if whole else ''}number", "Give numbers, separated by commas."
        ) from None
    if value == 0 and name in ("n_iter", "umap_epochs"):
        raise UsageError("GRID", f"--grid {name}={text}", "is no number of steps", "Give the numbers that are to stand side by side.")
    dataclasses.replace(MapConfig(), **{name: value})  # type: ignore[arg-type]  # raises outside the option's range, and for nan
    return value


def read_components(text: str) -> tuple[int, ...]:
    """``"1,3"`` as two or three different numbers from 1 to 10; empty for an empty text. Raises UsageError."""
    if not text.strip():
        return ()
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in (2, 3) or len(set(found)) < len(found) or not all(1 <= i <= COMPONENTS for i in found):
        remedy = f"Give two or three different numbers from 1 to {COMPONENTS}, such as 1,3."
        raise UsageError("COMPONENTS", f"--components {text}", "does not name principal components", remedy)
    return found


def read_methods(text: str, grid: Mapping[str, tuple[float, ...]], components: tuple[int, ...] = (), *, flag: str = "--method") -> tuple[str, ...]:
    """The methods named, or (for an empty text) those that read the grid's parameters; PCA where components are chosen, t-SNE and UMAP without a grid.

    Raises UsageError for an unknown method, or a parameter that no named method reads.
    """
    named = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for method in named:
        if method not in ALL_METHODS:
            raise unknown_choice("method", method, ALL_METHODS)
    for name in grid if named else ():
        if not set(READ_BY[name]) & set(named):
            raise UsageError("GRID-UNUSED", f"--grid {name}=...", f"no method of {flag} {text} reads it", f"Add {READ_BY[name][0]}, or leave it out.")
    if components and named and "pca" not in named:
        raise UsageError("GRID-UNUSED", "--components", f"no method of {flag} {text} reads it", "Add pca, or leave it out.")
    chosen = named or tuple(dict.fromkeys(READ_BY[name][0] for name in grid))
    chosen = chosen or (() if components else ("tsne", "umap"))
    return chosen if named or not components else ("pca", *chosen)


def settings(base: MapConfig, grid: Mapping[str, tuple[float, ...]], methods: Sequence[str], components: tuple[int, ...] = ()) -> list[Setting]:
    """Every map that is wanted: for each method the product of the values of the parameters that it reads, all else as in `base`.

    Raises UsageError for more than `MOST` maps of one method.
    """
    found = []
    for method in methods:
        own = {name: values for name, values in grid.items() if method in READ_BY[name]}
        products = [tuple(zip(own, values, strict=True)) for values in itertools.product(*own.values())]
        if len(products) > MOST:
            raise UsageError("GRID-LARGE", "--grid", f"asks for {len(products):,} maps of {method}", f"Give at most {MOST} combinations of values.")
        for varied in products:
            config = dataclasses.replace(base, **dict(varied))  # type: ignore[arg-type]
            if method == "pca" and components:
                found.append(Setting(method, dataclasses.replace(config, dims=len(components)), (), components))
            else:
                found.append(Setting(method, config, varied))
    return found


def widest(base: MapConfig, wanted: Sequence[Setting]) -> MapConfig:
    """`base` with the largest perplexity and neighbours of all: its graph serves every one of them."""
    return dataclasses.replace(base, perplexity=max(s.config.perplexity for s in wanted), n_neighbors=max(s.config.n_neighbors for s in wanted))

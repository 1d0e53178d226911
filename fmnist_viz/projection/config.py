"""What can be chosen about maps; standard library only, the command line reads it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError, unknown_choice

GRAPHS = ("auto", "exact", "approximate")

METHODS = ("pca", "tsne", "umap")
SOLID_UP_TO = 20_000  # points; UMAP in 3-D takes twice the time of the flat map, 26 s a layer of 70,000, for a view of the Projector alone
LEAST_STEPS, LEAST_EPOCHS = 250, 11  # t-SNE's exaggerated start alone takes 250; umap-learn takes 10 and fewer for "choose yourself"
SUPERVISED = "umap-supervised"  # sees the labels: only where it is asked for by name, and never among the maps of a run


@dataclass(frozen=True)
class Quality:
    """What `--quality` stands for; seconds and scores of each: `scripts/bench qualities`, docs/bench/qualities.md.

    n_iter : t-SNE's gradient steps;  umap_epochs : UMAP's passes over the graph
    fine_from : points from which t-SNE's forces are interpolated by openTSNE, which is slower and closer to the exact ones; 0: never
    """

    n_iter: int
    umap_epochs: int
    fine_from: int = 0


QUALITIES = {
    "fast": Quality(500, 100),
    # 750 instead of the usual 1,000: on the 10,000 test images trustworthiness and 15-NN accuracy are those of 1,000, recall@15 is .002 less;
    # 200 instead of umap-learn's 500 below 10,000 points: equal scores in 40 % of the time (docs/architecture.md)
    "balanced": Quality(750, 200),
    "best": Quality(1000, 500, fine_from=30_000),
}


@dataclass(frozen=True)
class MapConfig:
    methods: str = option("pca,tsne,umap", "Maps to draw, separated by commas: pca, tsne, umap.")
    # 30 is the value of the t-SNE paper's figures and of scikit-learn
    perplexity: float = option(30.0, "t-SNE: effective number of neighbours of a point.", unit="points", low=1, high=1000)
    # 15, the point itself counted, and 0.1 are umap-learn's own defaults
    n_neighbors: int = option(15, "UMAP: neighbours of a point, itself counted.", unit="points", low=2, high=1000)
    min_dist: float = option(0.1, "UMAP: how tightly points may lie together.", unit="map units", low=0, high=1)
    metric: str = option("euclidean", "Distance between vectors: euclidean or cosine.", choices=("euclidean", "cosine"))
    quality: str = option(
        "balanced",
        "Steps of t-SNE and epochs of UMAP; fast: 500 and 100; balanced: 750 and 200; best: 1,000 and 500, and from 30,000 points openTSNE's finer forces.",
        choices=tuple(QUALITIES),
    )
    n_iter: int = option(0, "t-SNE: gradient steps, at least 250; 0: as --quality says.", unit="iterations", low=0, high=10000)
    umap_epochs: int = option(0, "UMAP: passes over the neighbour graph, at least 11; 0: as --quality says.", unit="epochs", low=0, high=5000)
    pca_dims: int = option(50, "Principal components that distances are computed from; 0 takes the vectors themselves.", unit="components", low=0, high=4096)
    graph: str = option(
        "auto", "Neighbours are searched exactly or approximately, with the share found; auto: exactly as long as that is faster.", choices=GRAPHS
    )
    flat_only: bool = option(False, f"Leave out PCA and UMAP in 3-D, which are views of the Projector (UMAP up to {SOLID_UP_TO:,} points).")
    # 2,000 points take about a second a layer, and a screen's width of the report shows no more
    ladder_points: int = option(2000, "Images that the layer ladder follows from layer to layer, stratified; 0: no ladder.", unit="images", low=0, high=20000)
    # twelve steps of the report's slider; of longer trainings evenly spaced epochs, while the numbers are of all
    film_epochs: int = option(
        12, "Looks at the training that the epoch film shows at most, evenly spaced from the first to the last; 0: no film.", unit="epochs", low=0, high=60
    )
    dims: int = option(2, "Dimensions of the maps: 2 or 3 (t-SNE in 3-D runs on openTSNE and is much slower).", unit="dimensions", choices=(2, 3))

    def __post_init__(self) -> None:
        check_options(self)
        for name, least in (("n_iter", LEAST_STEPS), ("umap_epochs", LEAST_EPOCHS)):
            if 0 < (given := getattr(self, name)) < least:
                remedy = f"Give at least {least}, or 0 for --quality's number."
                raise UsageError("OPTION-RANGE", "--" + name.replace("_", "-"), f"{given} is out of range", remedy)
        if not self.method_names:
            raise UsageError("NO-METHOD", "--methods", "names no method", f"Choose from: {', '.join(METHODS)}.")
        for name in self.method_names:
            if name not in METHODS:
                raise unknown_choice("method", name, METHODS)

    @property
    def method_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.strip() for name in self.methods.split(",") if name.strip()))

    def solid_names(self, n: int) -> tuple[str, ...]:
        """Methods that are drawn in 3-D beside the flat maps of n points; t-SNE is left out, since it would take many times longer."""
        chosen = ("pca", "umap") if n <= SOLID_UP_TO else ("pca",)
        return tuple(name for name in self.method_names if name in chosen) if self.dims == 2 and not self.flat_only else ()

    @property
    def steps(self) -> int:
        """t-SNE's gradient steps."""
        return self.n_iter or QUALITIES[self.quality].n_iter

    @property
    def epochs(self) -> int:
        """UMAP's passes over the graph."""
        return self.umap_epochs or QUALITIES[self.quality].umap_epochs

    def fine(self, n: int) -> bool:
        """Whether t-SNE of n points is to take the finer of two approximations."""
        start = QUALITIES[self.quality].fine_from
        return self.dims == 2 and 0 < start <= n

    @property
    def content(self) -> dict[str, Any]:
        """The settings as they decide the result, for digests: numbers in place of "as --quality says"."""
        resolved = {**asdict(self), "n_iter": self.steps, "umap_epochs": self.epochs, "fine_from": QUALITIES[self.quality].fine_from}
        del resolved["quality"]
        return resolved

    @property
    def in_3d(self) -> MapConfig:
        """The same in three dimensions, with half the UMAP epochs: there they keep more neighbours than all of them do in two (docs/architecture.md)."""
        return replace(self, dims=3, umap_epochs=max(LEAST_EPOCHS, self.epochs // 2))

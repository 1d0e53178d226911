"""What can be chosen about maps; standard library only, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError, unknown_choice

METHODS = ("pca", "tsne", "umap")
SUPERVISED = "umap-supervised"  # sees the labels: only where it is asked for by name, and never among the maps of a run


@dataclass(frozen=True)
class MapConfig:
    methods: str = option("pca,tsne,umap", "Maps to draw, separated by commas: pca, tsne, umap.")
    # 30 is the value of the t-SNE paper's figures and of scikit-learn
    perplexity: float = option(30.0, "t-SNE: effective number of neighbours of a point.", unit="points", low=1, high=1000)
    # 15, the point itself counted, and 0.1 are umap-learn's own defaults
    n_neighbors: int = option(15, "UMAP: neighbours of a point, itself counted.", unit="points", low=2, high=1000)
    min_dist: float = option(0.1, "UMAP: how tightly points may lie together.", unit="map units", low=0, high=1)
    metric: str = option("euclidean", "Distance between vectors: euclidean or cosine.", choices=("euclidean", "cosine"))
    # 750 instead of the usual 1,000: on the 10,000 test images trustworthiness and 15-NN accuracy are those of 1,000, recall@15 is .002 less
    n_iter: int = option(750, "t-SNE: gradient steps.", unit="iterations", low=250, high=10000)
    # 200 instead of umap-learn's 500 below 10,000 points: equal scores in 40 % of the time (docs/architecture.md)
    umap_epochs: int = option(200, "UMAP: passes over the neighbour graph.", unit="epochs", low=11, high=5000)
    pca_dims: int = option(50, "Principal components that distances are computed from; 0 takes the vectors themselves.", unit="components", low=0, high=4096)
    flat_only: bool = option(False, "Leave out PCA and UMAP in 3-D, which are views of the Projector.")
    # 2,000 points take about a second a layer, and a screen's width of the report shows no more
    ladder_points: int = option(2000, "Images that the layer ladder follows from layer to layer, stratified; 0: no ladder.", unit="images", low=0, high=20000)
    # twelve steps of the report's slider; of longer trainings evenly spaced epochs, while the numbers are of all
    film_epochs: int = option(
        12, "Looks at the training that the epoch film shows at most, evenly spaced from the first to the last; 0: no film.", unit="epochs", low=0, high=60
    )
    dims: int = option(2, "Dimensions of the maps: 2 or 3 (t-SNE in 3-D runs on openTSNE and is much slower).", unit="dimensions", choices=(2, 3))

    def __post_init__(self) -> None:
        check_options(self)
        if not self.method_names:
            raise UsageError("NO-METHOD", "--methods", "names no method", f"Choose from: {', '.join(METHODS)}.")
        for name in self.method_names:
            if name not in METHODS:
                raise unknown_choice("method", name, METHODS)

    @property
    def method_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.strip() for name in self.methods.split(",") if name.strip()))

    @property
    def solid_names(self) -> tuple[str, ...]:
        """Methods that are drawn in 3-D beside their flat maps; t-SNE is left out, since it would take many times longer."""
        return tuple(name for name in self.method_names if name in ("pca", "umap")) if self.dims == 2 and not self.flat_only else ()

    @property
    def in_3d(self) -> MapConfig:
        """The same in three dimensions, with half the UMAP epochs: there they keep more neighbours than all of them do in two (docs/architecture.md)."""
        return replace(self, dims=3, umap_epochs=max(11, self.umap_epochs // 2))

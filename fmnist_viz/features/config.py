"""What can be chosen about features; standard library only, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError


@dataclass(frozen=True)
class FeatureConfig:
    layers: str = option(
        "*", "Representations to map, names or globs separated by commas; '*' is pixels, all hidden layers and logits. probabilities must be named."
    )
    split: str = option("test", "Images to map: test, train or all.", choices=("test", "train", "all"))
    points: int = option(0, "Map a stratified sample of this many images; 0 maps all of the split.", unit="images", low=0)
    pool: str = option("none", "Convolution maps: none flattens them, average takes the mean of each channel.", choices=("none", "average"))
    keep_activations: bool = option(False, "Also keep the raw vectors of layers wider than 4,096 (their size is said first).")
    # the main job on 10,000 images needs about 0.1 GB; five leave room for 70,000 images of a larger network
    max_disk: float = option(5.0, "Refuse features that need more disk than this.", unit="GB", low=0.001)

    def __post_init__(self) -> None:
        check_options(self)
        if not any(name.strip() for name in self.layers.split(",")):
            raise UsageError("NO-LAYER", "--layers", "names no representation", "Name pixels, logits, probabilities or layers, or '*' for all.")

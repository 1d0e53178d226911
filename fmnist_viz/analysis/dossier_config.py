"""What can be chosen about dossiers and cards; standard library only, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass

from fmnist_viz.core.config import check_options, option


@dataclass(frozen=True)
class DossierConfig:
    # five pairs hold most mistakes of ten classes, and a reader's patience
    dossiers: int = option(5, "Pairs of classes that get a dossier, most mistakes first, both ways counted; 0: none.", unit="pairs", low=0, high=50)

    def __post_init__(self) -> None:
        check_options(self)

"""t-SNE from a given neighbour graph: scikit-learn-intelex where it runs, else openTSNE."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import NeighborGraph
from fmnist_viz.neighbors import fast_path


def neighbors_needed(perplexity: float) -> int:
    """Neighbours, the point itself excluded, that t-SNE wants: three times the perplexity, and one (van der Maaten 2014)."""
    return int(3 * perplexity) + 1


def fitting_perplexity(perplexity: float, n: int) -> float:
    """The perplexity that n points allow."""
    return min(perplexity, (n - 1) / 3)


def exaggerated_steps(n_iter: int) -> int:
    """Steps with exaggerated attraction at the start: 250 as everywhere, in short runs half of all."""
    return min(250, n_iter // 2)


def solid_cost(maps: int, n: int) -> str:
    """What `maps` maps of n points in 3-D cost, for a person who is about to wait: 20 times a flat one, measured at 2,000 points on two threads."""
    which = "t-SNE in 3-D runs" if maps == 1 else f"{maps} t-SNE maps in 3-D run"
    return f"{which} on openTSNE's tree: for {n:,} points some twenty times as long as flat maps take; PCA and UMAP in 3-D are quick"


def tsne(
    graph: NeighborGraph, init: NDArray[np.float32], *, perplexity: float, n_iter: int, seed: int, threads: int, fine: bool = False
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Coordinates float32 (n, 2|3) and what was used. `init` (n, 2|3) is scaled to a standard deviation of 1e-4 and copied.

    `fine` takes openTSNE, whose interpolated forces lie closer to the exact ones, in more than twice the time.

    Raises RuntimeError where scikit-learn-intelex quietly handed the work to scikit-learn (nine times slower).

    References
    ----------
    L. van der Maaten (2014), Accelerating t-SNE using tree-based algorithms. JMLR 15.
    D. Kobak, P. Berens (2019), The art of using t-SNE for single-cell transcriptomics. Nat. Commun. 10 (PCA initialisation).
    """
    k = min(neighbors_needed(perplexity), graph.k)
    start = (init / (np.std(init[:, 0]) or 1.0) * 1e-4).astype(np.float32)  # a copy: the library writes into it
    return _descend(graph.head(k), start, perplexity, n_iter, exaggerated_steps(n_iter), seed, threads, fine)


def refine(
    graph: NeighborGraph, coords: NDArray[np.float32], *, perplexity: float, n_iter: int, seed: int, threads: int
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """As `tsne`, from the finished map `coords` (n, 2|3) of the same points, whose scale is kept.

    Shrunk to 1e-4 as other starts are, it would be forgotten for the most part; with fewer exaggerated steps, groups that it tears apart stay torn.
    """
    k = min(neighbors_needed(perplexity), graph.k)
    return _descend(graph.head(k), np.array(coords, np.float32), perplexity, n_iter, exaggerated_steps(n_iter), seed, threads)


def _descend(
    graph: NeighborGraph, start: NDArray[np.float32], perplexity: float, n_iter: int, early: int, seed: int, threads: int, fine: bool = False
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """`start` is written into; the first `early` of the steps are exaggerated."""
    run = _intelex if start.shape[1] == 2 and fast_path() and not fine else _opentsne
    return run(graph, start, perplexity, n_iter, early, seed, threads)


def _intelex(
    graph: NeighborGraph, start: NDArray[np.float32], perplexity: float, n_iter: int, early: int, seed: int, threads: int
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    from importlib.metadata import version

    from scipy.sparse import csr_matrix
    from sklearnex.manifold import TSNE

    n, k = len(graph.indices), graph.k + 1
    # The point itself must stand in each row, or each point's nearest neighbour is silently dropped.
    indices, distances = graph.with_self(k)
    matrix = csr_matrix((distances.ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    # Its stopping rules end the descent of saturated representations (softmax outputs) long before n_iter: recall@15 .64 instead of .67.
    stops = {"min_grad_norm": 0.0, "n_iter_without_progress": n_iter}
    model = TSNE(2, perplexity=perplexity, metric="precomputed", init=start, max_iter=n_iter, random_state=seed, n_jobs=threads, **stops)
    # The library exaggerates for 250 steps however few there are, and what it ends with then is no map at all.
    model._EXPLORATION_MAX_ITER = early
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Precomputed sparse input was not sorted.*")
        coords = model.fit_transform(matrix)
    if getattr(model, "_init", None) is None:  # set by the accelerated path only
        raise RuntimeError("scikit-learn-intelex fell back to scikit-learn's t-SNE")
    # Not KL divergence: the library leaves 0 in single precision runs on some builds; scores judge the map instead.
    return np.asarray(coords, np.float32), {"implementation": f"scikit-learn-intelex {version('scikit-learn-intelex')}", "k": k - 1}


def _opentsne(
    graph: NeighborGraph, start: NDArray[np.float32], perplexity: float, n_iter: int, early: int, seed: int, threads: int
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    import openTSNE
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    index = PrecomputedNeighbors(np.array(graph.indices, np.int64), np.array(graph.distances, np.float64))
    affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=index, n_jobs=threads, random_state=seed)
    gradients = "fft" if start.shape[1] <= 2 and len(start) >= 3000 else "bh"  # the grid of the FFT pays only for many points
    embedding = TSNEEmbedding(start.astype(np.float64), affinities, negative_gradient_method=gradients, n_jobs=threads, random_state=seed)
    embedding = embedding.optimize(early, exaggeration=12, momentum=0.5)
    embedding = embedding.optimize(n_iter - early, momentum=0.8)
    return np.asarray(embedding, np.float32), {"implementation": f"openTSNE {openTSNE.__version__}", "k": graph.k}

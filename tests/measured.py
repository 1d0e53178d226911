"""Ledger rows made up for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.ledger import LedgerRow, counts_text


def measured(**change: Any) -> LedgerRow:
    """A finished row of cnn1's first stage on the real data, changed where told."""
    plain: dict[str, Any] = {
        "date": "2026-01-31", "version": "0.1.0", "commit": "abc1234", "preset": "cnn1", "recipe": "article", "stage": "plain", "seed": 0, "epochs": 10,
        "epochs_full": 10, "epochs_scale": 1.0, "finished": True, "options": "", "precision": "float32", "device": "cpu", "threads": 2, "cpu": "a processor",
        "seconds_per_epoch": 8.5, "cpu_minutes": 2.5, "train_images": 48000, "n_test": 10000, "official": True, "train_loss": 0.21, "train_accuracy": 0.92,
        "val_loss": 0.25, "val_accuracy": 0.91, "test_loss": 0.25, "test_accuracy": 0.91, "dead_share": 0.0, "confusion": "",
    }  # fmt: skip
    return LedgerRow(**plain | change)


def matrix(seed: int = 0, classes: int = 10, each: int = 1000, right: float = 0.9) -> NDArray[np.int64]:
    """A confusion matrix with `each` images of every class."""
    rng = np.random.default_rng(seed)
    shares = np.full((classes, classes), (1 - right) / max(1, classes - 1))
    np.fill_diagonal(shares, right)
    return np.stack([rng.multinomial(each, row) for row in shares]).astype(np.int64)


def with_matrix(counts: NDArray[np.int64], **change: Any) -> LedgerRow:
    """A row whose accuracy is that of its matrix."""
    n = int(counts.sum())
    return measured(confusion=counts_text(counts), n_test=n, test_accuracy=float(np.trace(counts) / n), **change)

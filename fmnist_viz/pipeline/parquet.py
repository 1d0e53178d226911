"""Tables as Parquet, for whoever has the extra."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.core.errors import UsageError
from fmnist_viz.core.store import write_file

if TYPE_CHECKING:
    import pandas as pd


def need_parquet(subject: str) -> None:
    """Raise UsageError where no library is there that writes Parquet."""
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError("NO-PARQUET", subject, "pyarrow, which writes Parquet, is not installed", "Install it: pip install 'fmnist-viz[parquet]'.")


def write_parquet(path: Path, table: pd.DataFrame) -> Path:
    """The table under its name, all or nothing. Raises UsageError where pyarrow is missing."""
    need_parquet(str(path))
    write_file(path, lambda file: table.to_parquet(file, index=False))
    return path

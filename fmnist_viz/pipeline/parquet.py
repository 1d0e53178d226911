"""Tables as Parquet, for whoever has the extra."""

from __future__ import annotations

import importlib.util
import io
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
    memory = io.BytesIO()
    table.to_parquet(memory, index=False)
    write_file(path, memory.getvalue())
    return path

"""FOCUS, the FinOps Open Cost and Usage Specification: its datasets and columns, and which of them a file holds."""

from shared.focus.columns import (
    CANONICAL,
    COLUMNS,
    DATASETS,
    PREVIEW,
    RENAMED,
    VERSIONS,
    Column,
    Dataset,
    columns_of,
)
from shared.focus.versions import MARKERS, sniff_dataset, sniff_version

__all__ = [
    "CANONICAL", "COLUMNS", "DATASETS", "MARKERS", "PREVIEW", "RENAMED", "VERSIONS", "Column", "Dataset", "columns_of",
    "sniff_dataset", "sniff_version",
]  # fmt: skip

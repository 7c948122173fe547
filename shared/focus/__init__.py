"""FOCUS, the FinOps Open Cost and Usage Specification: its Cost and Usage columns, and which version a file follows."""

from shared.focus.columns import CANONICAL, COLUMNS, RENAMED, Column, columns_of
from shared.focus.versions import VERSIONS, sniff_version

__all__ = ["CANONICAL", "COLUMNS", "RENAMED", "VERSIONS", "Column", "columns_of", "sniff_version"]

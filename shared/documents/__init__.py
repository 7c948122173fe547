"""Documents that people write: strict YAML in, nodes that know their lines out, and every error at once."""

from shared.documents.nodes import BYTES_MAX, Mapping, Node, Reader, Sequence, Text, read_document
from shared.documents.problems import DocumentError, DocumentInvalid, Problems

__all__ = [
    "BYTES_MAX", "DocumentError", "DocumentInvalid", "Mapping", "Node", "Problems", "Reader", "Sequence", "Text",
    "read_document",
]  # fmt: skip

"""A rule set as files: one YAML document and the CSV tables that it names, all from one directory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.allocator.loading.problems import START, problems_of
from shared import documents
from shared.documents import Problems

DOCUMENT: Final = "rules.yaml"
TABLE_BYTES_MAX: Final = 8 << 20
TABLES_MAX: Final = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The content of a rule set: the document's text and each table's text by file name."""

    document: str
    files: Mapping[str, str]
    document_name: str = DOCUMENT

    @property
    def version(self) -> str:
        """sha256 over the content, so that a version never changes and the same content is the same version."""
        content = json.dumps([self.document, sorted(self.files.items())], ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    def as_json(self) -> dict[str, object]:
        """The body of a request that checks or applies it."""
        return {"document_name": self.document_name, "document": self.document, "files": dict(self.files)}


def load_bundle(path: Path) -> Bundle:
    """Read a rule set's document, or the one that a directory holds, and the tables it names.

    Raises:
        RuleSetInvalid: if a file can't be read, is too large, or would be outside the document's directory.
    """
    path = _document_in(path) if path.is_dir() else path
    problems = problems_of(path.name)
    text = _read(path, documents.BYTES_MAX, problems, path.name, 0)
    top = documents.read_document(text, problems, START) if text is not None else None
    problems.raise_if_any()
    assert text is not None
    assert top is not None
    files: dict[str, str] = {}
    for name, line in tables_named(top, problems).items():
        table = _read(path.parent / name, TABLE_BYTES_MAX, problems, path.name, line)
        if table is not None:
            files[name] = table
    problems.raise_if_any()
    return Bundle(text, files, path.name)


def _document_in(directory: Path) -> Path:
    """`rules.yaml`, or the only YAML file of a directory."""
    found = sorted(path for path in directory.iterdir() if path.suffix in {".yaml", ".yml"})
    if len(found) == 1 or directory / DOCUMENT in found:
        return found[0] if len(found) == 1 else directory / DOCUMENT
    problems = problems_of(directory.name or str(directory))
    problems.add(0, f"the directory holds {len(found)} YAML files", f"name the rule set, or call it {DOCUMENT}")
    problems.raise_if_any()
    raise AssertionError


def tables_named(top: documents.Mapping, problems: Problems) -> dict[str, int]:
    """The file names that a document names for its tables, each with its line; impossible names are problems."""
    named = [top.items.get("cost_centers")]
    mappings, attributes = top.items.get("mappings"), top.items.get("attributes")
    if isinstance(mappings, documents.Mapping):
        named += mappings.items.values()
    if isinstance(attributes, documents.Mapping):
        tables = attributes.items.values()
        named += [table.items.get("table") for table in tables if isinstance(table, documents.Mapping)]
    found: dict[str, int] = {}
    for node in named:
        if isinstance(node, documents.Text) and node.text:
            if _NAME.fullmatch(node.text):
                found[node.text] = node.line
            else:
                problems.add(node.line, f"{node.text!r} is not a plain file name", "put the table beside the document")
    if len(found) > TABLES_MAX:
        problems.add(top.line, f"more than {TABLES_MAX} tables", "join some of them")
    return found


def _read(path: Path, bytes_max: int, problems: Problems, file: str, line: int) -> str | None:
    """Read a text file; a byte order mark is dropped and line ends are as written."""
    try:
        if path.resolve().parent != path.parent.resolve():
            problems.add(line, f"{path.name} is a link out of its directory", "copy the file", file=file)
            return None
        if path.stat().st_size > bytes_max:
            problems.add(line, f"{path.name} is larger than {bytes_max} bytes", "split the table", file=file)
            return None
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problems.add(line, f"{path.name} can't be read: {error.strerror}", "check the name and its rights", file=file)
    except UnicodeDecodeError as error:
        problems.add(0, f"not UTF-8 at byte {error.start}", "save the file as UTF-8", file=path.name)
    return None

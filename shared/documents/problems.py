"""What is wrong with a document: collected, so that a person sees everything at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import Reject


@dataclass(frozen=True, slots=True, order=True)
class DocumentError:
    """One thing wrong with a document: where it is, what it is, and what to do.

    `line` counts from 1; 0 means the file as a whole. `rule` is the id of the rule it is in, or empty.
    """

    file: str
    line: int
    rule: str
    message: str
    advice: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.rule}: " if self.rule else ""
        return f"{where}: {subject}{self.message}; {self.advice}"


class DocumentInvalid(Reject):
    """A document that can't be used, with every reason found."""

    code = "document-invalid"

    def __init__(self, errors: Sequence[DocumentError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


class Problems:
    """Collects the errors of one check; `file` and `rule` are where the reader is now.

    Args:
        invalid: what `raise_if_any` raises.
    """

    def __init__(self, file: str, invalid: type[DocumentInvalid] = DocumentInvalid) -> None:
        self.file, self.rule = file, ""
        self.errors: list[DocumentError] = []
        self._invalid = invalid

    def add(self, line: int, message: str, advice: str, *, file: str | None = None) -> None:
        """Note an error at a line of the current file, in the current rule."""
        self.errors.append(DocumentError(file or self.file, line, self.rule, message, advice))

    def raise_if_any(self) -> None:
        """End the check if it found something.

        Raises:
            DocumentInvalid: with the errors in order of file and line.
        """
        if self.errors:
            raise self._invalid(sorted(set(self.errors)))

"""What is wrong with a document: collected, so that a person sees everything at once."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared.errors import Reject

_COMPARED_MAX: Final = 20_000
_SUGGESTIONS_MAX: Final = 100
_LIKENESS_MIN: Final = 0.76


@dataclass(frozen=True, slots=True, order=True)
class DocumentError:
    """One thing wrong with a document: where it is, what it is, and what to do.

    `line` counts from 1; 0 means the file as a whole. `rule` is the id of the rule it is in, or empty. A warning does
    not keep the document from being used.
    """

    file: str
    line: int
    rule: str
    message: str
    advice: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.rule}: " if self.rule else ""
        severity = "warning: " if self.severity == "warning" else ""
        return f"{where}: {severity}{subject}{self.message}; {self.advice}"


class DocumentInvalid(Reject):
    """A document that can't be used, with every reason found, and what else is odd about it."""

    code = "document-invalid"

    def __init__(self, errors: Sequence[DocumentError], warnings: Sequence[DocumentError] = ()) -> None:
        self.errors, self.warnings = tuple(errors), tuple(warnings)
        super().__init__("\n".join(str(error) for error in errors))


class Problems:
    """Collects the errors and warnings of one check; `file` and `rule` are where the reader is now.

    Args:
        invalid: what `raise_if_any` raises.
    """

    def __init__(self, file: str, invalid: type[DocumentInvalid] = DocumentInvalid) -> None:
        self.file, self.rule = file, ""
        self.errors: list[DocumentError] = []
        self._warnings: list[DocumentError] = []
        self._invalid = invalid

    def add(self, line: int, message: str, advice: str, *, file: str | None = None) -> None:
        """Note an error at a line of the current file, in the current rule."""
        self.errors.append(DocumentError(file or self.file, line, self.rule, message, advice))

    def suggestion(self, name: str, known: Collection[str], otherwise: str) -> str:
        """Advice about an unknown name: the known one that is most like it, or else other advice.

        Comparing takes time, so after a hundred errors, or among very many names, it is the other advice.
        """
        if len(self.errors) >= _SUGGESTIONS_MAX or len(known) > _COMPARED_MAX:
            return otherwise
        folded = {one.casefold(): one for one in sorted(known)}
        near = difflib.get_close_matches(name.casefold(), folded, 1, _LIKENESS_MIN)
        return f"did you mean {folded[near[0]]}?" if near else otherwise

    def warn(self, line: int, message: str, advice: str, *, file: str | None = None) -> None:
        """Note what is allowed and most likely not meant."""
        self._warnings.append(DocumentError(file or self.file, line, self.rule, message, advice, "warning"))

    @property
    def warnings(self) -> tuple[DocumentError, ...]:
        """The warnings so far, in order of file and line, each once."""
        return tuple(sorted(set(self._warnings)))

    def raise_if_any(self) -> None:
        """End the check if it found an error.

        Raises:
            DocumentInvalid: with the errors in order of file and line.
        """
        if self.errors:
            raise self._invalid(sorted(set(self.errors)), self.warnings)

"""Why a file is refused as a whole. One class per rule; each message names the file, the rule and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shared.focus import Dataset


class IntakeRefusal(ValueError):
    """A file that can't be taken in at all. Nothing of its delivery is published."""

    code: ClassVar[str] = "file-refused"

    def __init__(self, file: str, what: str, line: int | None = None) -> None:
        self.file, self.line = file, line
        super().__init__(f"{file}{'' if line is None else f', line {line}'}: {what}")


class EmptyFile(IntakeRefusal):
    """No bytes, no header, or a header without rows."""

    code = "file-empty"

    def __init__(self, file: str, what: str) -> None:
        super().__init__(file, f"{what}; check that the export had finished before it was copied")


class NotFocus(IntakeRefusal):
    """A table without any FOCUS columns, or no table at all."""

    code = "not-focus"

    def __init__(self, file: str, what: str) -> None:
        super().__init__(
            file, f"not a FOCUS Cost and Usage file: {what}; export FOCUS 1.0 to 1.4 as CSV, JSON Lines or Parquet"
        )


class OtherDataset(IntakeRefusal):
    """A FOCUS file, but of another dataset than Cost and Usage."""

    code = "dataset-other"

    def __init__(self, file: str, dataset: Dataset) -> None:
        self.dataset = dataset
        hint = ", or to the option --provider-invoices" if dataset is Dataset.INVOICE_DETAIL else ""
        super().__init__(
            file, f"this is FOCUS {dataset.display_name} and no Cost and Usage; give it to `apportion ingest`{hint}"
        )


class MissingColumns(IntakeRefusal):
    """Mandatory columns of the file's FOCUS version are not there."""

    code = "columns-missing"

    def __init__(self, file: str, version: str, columns: Sequence[str]) -> None:
        self.version, self.columns = version, tuple(columns)
        plural = "columns" if len(columns) > 1 else "column"
        super().__init__(
            file,
            f"missing mandatory {plural} {', '.join(columns)} of FOCUS {version}; "
            "add them to the export, with empty values where FOCUS allows them",
        )


class DuplicateColumn(IntakeRefusal):
    """A column name comes twice, so that nobody can tell which one counts."""

    code = "column-duplicate"

    def __init__(self, file: str, column: str) -> None:
        self.column = column
        super().__init__(file, f"the header has column {column!r} more than once; remove or rename one of them", 1)


class TruncatedFile(IntakeRefusal):
    """The compressed stream ends early or its check sum is wrong."""

    code = "file-truncated"

    def __init__(self, file: str, what: str) -> None:
        super().__init__(file, f"{what}; the file is cut off or damaged, so copy it again")


class RowsDiffer(IntakeRefusal):
    """The file has more or fewer rows than the provider's manifest says."""

    code = "rows-differ"

    def __init__(self, file: str, promised: int, found: int) -> None:
        self.promised, self.found = promised, found
        super().__init__(
            file,
            f"it has {found:,} rows, but its manifest says {promised:,}; let the export finish, or run it again",
        )


class WrongEncoding(IntakeRefusal):
    """The text is not UTF-8."""

    code = "encoding-wrong"

    def __init__(self, file: str, what: str, line: int | None = None) -> None:
        super().__init__(
            file, f"{what}; FOCUS files are UTF-8, so convert it (iconv -t UTF-8) or export it again", line
        )


class MalformedCsv(IntakeRefusal):
    """The CSV breaks RFC 4180."""

    code = "csv-malformed"

    def __init__(self, file: str, what: str, line: int) -> None:
        super().__init__(file, f"{what}; export the file again, with commas, and quotation marks doubled", line)


class RowTooLong(IntakeRefusal):
    """A row that is too long for an event."""

    code = "row-too-long"

    def __init__(self, file: str, size: int, size_max: int, line: int) -> None:
        what = f"the row comes to {size:,} bytes, and an event takes {size_max:,}; shorten its texts or tags"
        super().__init__(file, what, line)


class MalformedJson(IntakeRefusal):
    """The JSON Lines are not one object per line, each key once."""

    code = "json-malformed"

    def __init__(self, file: str, what: str, line: int) -> None:
        super().__init__(file, f"{what}; write one JSON object per line, as jq -c does", line)


class UnreadableParquet(IntakeRefusal):
    """It begins like Parquet and can't be read as such."""

    code = "parquet-unreadable"

    def __init__(self, file: str, what: str) -> None:
        super().__init__(file, f"unreadable Parquet: {what}; copy or export it again")


class NotInvoices(IntakeRefusal):
    """A table that holds no provider invoices."""

    code = "not-invoices"

    def __init__(self, file: str, columns: Sequence[str]) -> None:
        super().__init__(
            file,
            "provider invoices need the columns issuer, invoice_id, billing_period, currency, amount, "
            f"or be a FOCUS 1.4 Invoice Detail; found {', '.join(columns)[:200]}",
        )


class RefusedRow(IntakeRefusal):
    """A row that breaks a rule and refuses its whole file, because the rest would say something else without it."""

    code = "row-refused"

    def __init__(self, file: str, line: int, column: str, value: str | None, rule: str) -> None:
        self.column, self.value, self.rule = column, value, rule
        shown = "no value" if value is None else repr(value)
        super().__init__(file, f"{column} has {shown}, but {rule}; mend the line and deliver the file again", line)


class RefusedInvoice(RefusedRow):
    """A line of provider invoices that breaks a rule; the whole file is refused, as invoices are few."""

    code = "invoice-refused"

"""From received files to a finished plan: read, compare with what is in force, and number; then the rows' archive.

All of it is a function of the received bytes and of the deliveries before, so that an interrupted attempt can simply
be made again. Blocking: called in a thread.
"""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

from services.intake.archive import Archive, sync
from services.intake.domain.delivery import ArchivedFile, Scope
from services.intake.domain.findings import Noted, Observations
from services.intake.domain.rejection import Rejection
from services.intake.domain.styles import Style, known_before
from services.intake.domain.tags import Normalisation
from services.intake.known_rows import KnownRows
from services.intake.quality.rows import AcceptedRows
from services.intake.reading.errors import EmptyFile, RowsDiffer
from services.intake.reading.layout import Layout
from services.intake.reading.lines import Sieve
from services.intake.reading.normalise import Normaliser
from services.intake.reading.observing import observe_values
from services.intake.reading.raw import FileFacts, RawChunk, check_file, parsers, parsing_threads
from services.intake.reading.tagging import Tagger
from services.intake.retracting import retract
from services.intake.spool import Part, Spool
from services.intake.work import PLANNING_MEMORY, Work
from shared.archive import RowsInForce
from shared.events import DeliveredFile, Totals

KEY_COLUMNS = (
    "row_hash", "BillingAccountId", "billing_period", "BillingCurrency", "partition", "BilledCost", "EffectiveCost",
)  # fmt: skip
"""What the arithmetic of a delivery needs of a row."""


class Refused(NamedTuple):
    """Where refused rows belong; None where a row does not tell."""

    billing_account_id: str | None
    billing_period: str | None


@dataclass(slots=True)
class Reading:
    """What is known while and after the files are read; `rows` grows while they are."""

    files: list[DeliveredFile] = field(default_factory=list)
    observations: Observations = field(default_factory=Observations)
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    refused: Counter[Refused] = field(default_factory=Counter)
    files_known: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """The plan's control totals. `replaces` are the scopes that the delivery is the whole truth about."""

    scopes: list[Scope]
    replaces: list[Scope]
    partition_events: list[int]
    published: list[Totals]
    snapshot: list[Totals]
    charges: int
    retractions: int
    content_hash: str
    noted: list[Noted]


class _ReadPart(NamedTuple):
    number: int
    rows_read: int
    keys: pa.Table
    rejections: list[Rejection]
    observations: Observations


class Preparation:
    """Prepares one delivery in its spool: `read`, `plan`, then `accepted`, on one work database until it is closed.

    `taken_over` counts the rows that were recognised in the files and taken over from the archive.
    """

    def __init__(
        self,
        archive: Archive,
        delivery_id: str,
        partitions: int,
        threads: int,
        style: Style = Style.OVERWRITE,
        tag_rules: Sequence[Normalisation] = (),
        withdraws: Sequence[Scope] = (),
    ) -> None:
        self._archive, self._delivery_id, self._style = archive, delivery_id, style
        self._withdraws = withdraws
        self._tagger = Tagger(tag_rules) if tag_rules else None
        self._partitions, self._threads = partitions, threads
        self.spool = Spool(archive.spool(delivery_id))
        self.reading = Reading()
        self._tag_rules, self._known_rows = tag_rules, KnownRows()
        self.taken_over = 0
        self._opened: Work | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _work(self) -> Work:
        if self._opened is None:
            raise RuntimeError("files are read before anything else")
        return self._opened

    def read(
        self, files: Sequence[ArchivedFile], known: Collection[str] = (), in_force: Sequence[RowsInForce] = ()
    ) -> list[Scope]:
        """Read all files into the spool; returns the scopes that they hold, or that are taken back.

        Args:
            known: sha256 of files that add nothing, because an append delivery had them.
            in_force: rows of the source that a snapshot may have again, the likeliest first. Those of them that are in
                its scopes have to be in force when it is planned.

        Raises:
            IntakeRefusal: if a file can't be taken in. What was read so far is of no consequence.
        """
        shutil.rmtree(self.spool.directory, ignore_errors=True)
        self.spool.directory.mkdir(parents=True)
        work = self._opened = Work(self.spool.database, fresh=True)
        facts = [check_file(self._archive.file(file.sha256), file.name) for file in files]
        if self._style is Style.OVERWRITE:
            self._known_rows = KnownRows(in_force)
        read = set(known)
        for file, fact in zip(files, facts, strict=True):
            if file.sha256 in read:
                self._skip_file(file, fact)
                continue
            self._read_file(work, file, fact)
            if self._style is Style.APPEND:
                read.add(file.sha256)
        work.finish_rows()
        self._known_rows = KnownRows()
        return self._scopes(work)

    def plan(self, in_force: Sequence[RowsInForce]) -> Prepared:
        """Compare with the rows in force, write retractions, number all events."""
        work = self._work
        work.allow(PLANNING_MEMORY)
        for former in in_force:
            work.add_former(former.path, former.billing_account_ids, self._style)
        if self._style is Style.APPEND:
            work.compare_appended()
        else:
            work.compare()
            retract(work, self.spool, self._parsed, self._partitions)
        work.make_plan()
        sync(self.spool.directory)
        return self._prepared(work)

    @contextmanager
    def accepted(self) -> Iterator[AcceptedRows]:
        """The accepted rows, to look at their sums."""
        with self._work.cursor() as connection:
            yield AcceptedRows(connection, self.spool)

    def _prepared(self, work: Work) -> Prepared:
        charges, retracted = work.counts()
        appends = self._style is Style.APPEND
        scopes = self._scopes(work)
        return Prepared(
            scopes=scopes,
            replaces=[] if appends else scopes,
            partition_events=work.partition_events(self._partitions),
            published=work.published(),
            snapshot=work.snapshot_appended() if appends else work.snapshot(),
            charges=charges,
            retractions=retracted,
            content_hash=work.content_hash(),
            noted=list(known_before(self.reading.files_known, self.reading.accepted - charges)) if appends else [],
        )

    @property
    def _parsed(self) -> int:
        """Accepted rows that were read from files."""
        return self.reading.accepted - self.taken_over

    def _scopes(self, work: Work) -> list[Scope]:
        return [*self._withdraws] or work.scopes()

    def _skip_file(self, file: ArchivedFile, facts: FileFacts) -> None:
        self.reading.files_known += 1
        self.reading.files.append(
            DeliveredFile(
                name=file.name, sha256=file.sha256, bytes=file.size_bytes, rows=0, focus_version=facts.layout.version
            )
        )

    def _read_file(self, work: Work, file: ArchivedFile, facts: FileFacts) -> None:
        before = self.reading.rows
        for part in self._parts(facts, self._archive.file(file.sha256)):
            rows = part.keys.num_rows
            work.add_rows(Part(part.number, "rows", self._parsed, rows), part.keys)
            self.spool.reject(part.rejections) if part.rejections else None
            self._note(part)
        for taken_over in self._known_rows.taken_over():
            self._take_over(work, taken_over.read(), facts.layout)
        if self.reading.rows == before:
            raise EmptyFile(file.name, "the file has a header but no rows")
        if file.rows not in {None, self.reading.rows - before}:
            raise RowsDiffer(file.name, file.rows or 0, self.reading.rows - before)
        self.reading.files.append(
            DeliveredFile(
                name=file.name, sha256=file.sha256, bytes=file.size_bytes, rows=self.reading.rows - before,
                focus_version=facts.layout.version,
            )
        )  # fmt: skip

    def _take_over(self, work: Work, rows: pa.Table, layout: Layout) -> None:
        """Add rows that are in force already. Their positions are before all others, so that of equal rows these are
        the ones that were published.
        """
        number, keys = self._next_number(), rows.select(list(KEY_COLUMNS))
        self.spool.write_part("rows", number, rows)
        self.taken_over += rows.num_rows
        work.add_rows(Part(number, "rows", -self.taken_over, rows.num_rows), keys)
        self._note(_ReadPart(number, rows.num_rows, keys, [], observe_values(layout, rows)))

    def _note(self, part: _ReadPart) -> None:
        reading = self.reading
        reading.rows += part.rows_read
        reading.accepted += part.keys.num_rows
        reading.rejected += len(part.rejections)
        reading.refused.update(Refused(one.billing_account_id, one.billing_period) for one in part.rejections)
        reading.observations.add(part.observations)

    def _parts(self, facts: FileFacts, path: Path) -> Iterator[_ReadPart]:
        """Parse and normalise pieces of the file side by side; give them back in order, few at a time."""
        idle: SimpleQueue[Normaliser] = SimpleQueue()
        threads = parsing_threads(facts, self._threads)
        for _ in range(threads):
            appends = self._style is Style.APPEND
            idle.put(Normaliser(facts.name, facts.layout, self._partitions, self._tagger, appends=appends))
        sieve = None
        if self._style is Style.OVERWRITE:
            sieve = Sieve(facts.layout.names, self._tag_rules, self._known_rows.take)
        with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
            waiting: deque[Future[_ReadPart]] = deque()
            for parse in parsers(facts, path, sieve):
                waiting.append(pool.submit(self._read_part, parse, self._next_number(), idle))
                if len(waiting) > threads:  # no thread waits for its next piece, and no more are in memory
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _next_number(self) -> int:
        self.reading.parts += 1
        return self.reading.parts - 1

    def _read_part(self, parse: Callable[[], RawChunk], number: int, idle: SimpleQueue[Normaliser]) -> _ReadPart:
        normaliser = idle.get()
        try:
            raw = parse()
            rows_read, normal = raw.table.num_rows, normaliser.normalise(raw)
            del raw
        finally:
            idle.put(normaliser)
        self.spool.write_part("rows", number, normal.table)
        keys = identified(normal.table).select(list(KEY_COLUMNS))
        return _ReadPart(number, rows_read, keys, normal.rejections, normal.observations)


def identified(rows: pa.Table) -> pa.Table:
    """Rows that go by the hash of what was delivered, where that is not the hash of what they became."""
    if "identity" not in rows.column_names:
        return rows
    return rows.set_column(rows.column_names.index("row_hash"), "row_hash", rows.column("identity"))


def held_scopes(work: Work, style: Style) -> list[Scope]:
    """The scopes that a planned delivery puts rows in force for."""
    return work.scopes_added_to() if style is Style.APPEND else work.scopes()


def archive_rows(
    archive: Archive, delivery_id: str, spool: Spool, work: Work, parts: Sequence[Part], style: Style = Style.OVERWRITE
) -> None:
    """Archive the rows that a planned delivery puts in force, unless that is done. Blocking.

    Those are its accepted rows; of an append delivery, those that were not in force before.
    """
    if archive.has_rows(delivery_id):
        return
    with archive.row_writer(delivery_id) as writer:
        for part, planned in work.planned([part for part in parts if part.kind == "rows" and part.rows]):
            rows = spool.read_part(part)
            if style is Style.APPEND:
                new = pc.is_valid(planned.column("sequence"))
                rows, planned = rows.filter(new), planned.filter(new)
            writer.write(rows, planned.column("occurrence"))

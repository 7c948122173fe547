"""Writing a run's lines: what differs from the lines that are there gets its next revision and is published.

A line names the rule set version that made it. A preview leaves a line alone that it would make just like that, by
whatever version it was made: a changed rule concerns its own lines only. A final run writes every line under its own
version, so that the lines of a close do not depend on which previews there were
(`docs/decisions/0018-versions-of-lines.md`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from services.allocator import publishing
from services.allocator.domain.lines import Line
from services.allocator.line_content import LineContent, LineEncoder
from services.allocator.planning import Inputs
from services.allocator.store import allocations, rule_sets
from services.allocator.store.allocations import ChangedLine, KnownLine
from services.allocator.store.tables import STREAM_TABLES
from services.allocator.totals import RunTotals
from shared import topics
from shared.outbox import enqueue

_LINES_PER_SLICE = 5_000


class LineWriter:
    """Writes the lines of one run, in the run's transaction.

    Args:
        names: the rule set versions whose lines may stay as they are, with the names of their rule sets.
    """

    def __init__(
        self, conn: AsyncConnection, topic: str, inputs: Inputs, run_id: str, names: Mapping[str, str]
    ) -> None:
        self._conn, self._topic, self._period, self._run_id = conn, topic, inputs.billing_period, run_id
        self._name, self._version, self._names = inputs.loaded.rule_set.name, inputs.loaded.version, names
        self._encoder = LineEncoder()

    @classmethod
    async def of_run(cls, conn: AsyncConnection, prefix: str, inputs: Inputs, run_id: str) -> LineWriter:
        """The writer of a run: for a preview lines of any version may stay, for a final run those of its own."""
        own = {inputs.loaded.version: inputs.loaded.rule_set.name}
        names = own if inputs.kind == "final" else await rule_sets.names(conn)
        return cls(conn, prefix + topics.ALLOCATIONS.name, inputs, run_id, names)

    async def write(self, lines: Sequence[Line], totals: RunTotals) -> int:
        """Write and publish what differs, and withdraw what is gone; returns how many lines that is."""
        known = await allocations.known(self._conn, self._period)
        changed, different = 0, list[ChangedLine]()
        for some in _slices(lines):
            changed += len(different)
            different = await self._publish_while(different, partial(self._different, some, known, totals))
        changed += await self._publish(different)
        gone = sorted(allocation_id for allocation_id, line in known.items() if line.live)
        for start in range(0, len(gone), _LINES_PER_SLICE):
            bodies = await allocations.bodies(self._conn, gone[start : start + _LINES_PER_SLICE])
            withdrawn = [publishing.withdrawn(body) for body in bodies]
            changed += await self._publish(
                [self._changed(line, known[line.allocation_id], live=False) for line in withdrawn]
            )
        return changed

    async def _publish_while(
        self, changed: Sequence[ChangedLine], work: Callable[[], list[ChangedLine]]
    ) -> list[ChangedLine]:
        """Do other work while the database does its part; an error of either leaves nothing under way."""
        done, published = await asyncio.gather(
            asyncio.to_thread(work), self._publish(changed), return_exceptions=True
        )  # fmt: skip
        for one in (done, published):
            if isinstance(one, BaseException):
                raise one
        assert isinstance(done, list)
        return done

    def _different(self, lines: Sequence[Line], known: dict[str, KnownLine], totals: RunTotals) -> list[ChangedLine]:
        """Count lines into the totals and return those that are new or changed; takes the others out of `known`."""
        changed: list[ChangedLine] = []
        for line in lines:
            before = known.pop(line.allocation_id, None)
            content = self._content(line, before)
            totals.add(line, content.content_hash)
            if before is None or not before.live or before.content_hash != content.content_hash:
                changed.append(self._changed(content, before, live=True))
        return changed

    def _content(self, line: Line, before: KnownLine | None) -> LineContent:
        """The line as it stands if it may stay so, else as this run's rule set makes it."""
        if before is not None and before.live and before.rule_set_version != self._version:
            name = self._names.get(before.rule_set_version)
            if name is not None:
                content = self._encoder.line(line, name, before.rule_set_version)
                if content.content_hash == before.content_hash:
                    return content
        return self._encoder.line(line, self._name, self._version)

    def _changed(self, line: LineContent, before: KnownLine | None, *, live: bool) -> ChangedLine:
        revision = before.revision + 1 if before is not None else 1
        return ChangedLine(line, revision, live, line.body(revision, self._run_id))

    async def _publish(self, changed: Sequence[ChangedLine]) -> int:
        await allocations.write(self._conn, self._period, changed)
        records = (publishing.allocation(self._topic, line, revision, body) for line, revision, _, body in changed)
        await enqueue(self._conn, STREAM_TABLES.outbox, records)
        return len(changed)


def _slices(lines: Sequence[Line]) -> Iterator[list[Line]]:
    rest = iter(lines)
    while some := list(islice(rest, _LINES_PER_SLICE)):
        yield some

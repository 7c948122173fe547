"""The content of allocation lines: exactly the bytes that the contract would have, in a fraction of its time.

A run writes up to hundreds of thousands of lines of few flows, so what is said of a flow is encoded once, and a line is
joined from pieces. Its content (revision 1, no run id, as `shared.events.allocations.line_content` has it) is hashed,
and revision and run id are then put into those bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from services.allocator.domain.adjusting import adjustment_id
from services.allocator.domain.buckets import GRAIN
from services.allocator.domain.lines import Flow, Line, Share, Step
from services.allocator.domain.rule_set import CHARGE_DAY
from shared.money import text

T = TypeVar("T")
R = TypeVar("R")

ORIGIN: Final = (
    "issuer", "invoice_id", "service_provider", "service_name", "billing_account_id", "sub_account_id",
    "charge_category", "charge_class",
)  # fmt: skip
"""The fields of a line's origin, in the order of `GRAIN` without the currency."""
assert len(ORIGIN) == len(GRAIN) - 1
_REVISION: Final = b'"revision":1,'
_RUN_ID: Final = b'"run_id":""'
_LINE: Final = (
    b'{%s"allocation_id":"%s","billed_cost":"%s",%s"cost_center":%s,%s"effective_cost":"%s","kind":"%s",%s%s%s%s%s}'
)
_encode = msgspec.json.Encoder(order="deterministic").encode


class LineContent(NamedTuple):
    """An encoded line before it has a revision."""

    allocation_id: str
    cost_center: str
    rule_set_version: str
    content: bytes
    content_hash: bytes

    def body(self, revision: int, run_id: str) -> bytes:
        """The line's bytes on the topic.

        Quotes inside values are escaped, so no value looks like a marker. The key of a partition may end like the run's
        (a tag `"run_id`), but stands before it: the last one found is the line's.
        """
        before, _, after = self.content.replace(_REVISION, b'"revision":%d,' % revision, 1).rpartition(_RUN_ID)
        return b'%s"run_id":"%s"%s' % (before, run_id.encode(), after)


class LineEncoder:
    """Encodes many lines: keys in order, defaults left out, amounts as plain text. Keeps what it knows of flows."""

    def __init__(self) -> None:
        self._flow, self._share = _Once(_flow), _Once(_share)
        self._versions: dict[tuple[str, str], bytes] = {}

    def line(self, line: Line, rule_set: str, version: str) -> LineContent:
        """A line as a version of a rule set makes it."""
        return self._content(b"", line.allocation_id, line, rule_set, version)

    def adjustment(self, line: Line, number: int, rule_set: str, version: str) -> LineContent:
        """A difference to the line of its id, as a line of a period's adjustment, which has an id of its own."""
        marks = _members({"adjusts": line.allocation_id, "adjustment": number})
        return self._content(marks + b",", adjustment_id(line.allocation_id, number), line, rule_set, version)

    def _content(self, marks: bytes, allocation_id: str, line: Line, rule_set: str, version: str) -> LineContent:
        _, flow, cost_center, kind, billed_cost, effective_cost, share = line
        period, currency, way, trace = self._flow(flow) if flow.path else _flow(flow)  # a direct one has one line
        billed = text(billed_cost).encode()
        content = _LINE % (
            marks, allocation_id.encode(), billed, period, _encode(cost_center), currency,
            billed if effective_cost == billed_cost else text(effective_cost).encode(), kind.encode(), way,
            self._version(rule_set, version), _RUN_ID, trace, b"" if share is None else self._share(share),
        )  # fmt: skip
        return LineContent(allocation_id, cost_center, version, content, hashlib.sha256(content).digest())

    def _version(self, rule_set: str, version: str) -> bytes:
        known = self._versions.get((rule_set, version))
        if known is None:
            known = _members({"rule_set": rule_set, "rule_set_version": version}) + b","
            self._versions[rule_set, version] = known
        return known


class _Once(Generic[T, R]):
    """Calls a function once per object. Told apart by identity: the lines of a split share objects slow to compare."""

    def __init__(self, make: Callable[[T], R]) -> None:
        self._make = make
        self._made: dict[int, tuple[R, T]] = {}

    def __call__(self, one: T) -> R:
        known = self._made.get(id(one))
        if known is None:
            known = self._made[id(one)] = (self._make(one), one)  # kept, so that nothing else gets its identity
        return known[0]


def _flow(flow: Flow) -> tuple[bytes, bytes, bytes, bytes]:
    """What all lines of a flow say, as it stands before the cost center, after it, after the kind, and at the end."""
    way: dict[str, Any] = {"revision": 1, "rule_id": flow.rule_id}
    way["origin"] = dict(zip(ORIGIN, flow.origin, strict=True))
    if flow.method is not None:
        way["method"] = flow.method
    if flow.path:
        way["path"] = flow.path
    if flow.leg:
        way["leg"] = flow.leg
    if partition := {name: value for name, value in flow.partition if name != CHARGE_DAY}:
        way["partition"] = partition
    trace = b"," + _members({"trace": [_step(step) for step in flow.steps]}) if flow.steps else b""
    period, currency = _members({"billing_period": flow.billing_period}), _members({"currency": flow.currency})
    return period + b",", currency + b",", _members(way) + b",", trace


def _share(share: Share) -> bytes:
    return b"," + _members(_weights(share))


def _step(step: Step) -> dict[str, str]:
    method = {} if step.method is None else {"method": step.method}
    return {"pool": step.pool} | method | ({} if step.share is None else _weights(step.share))


def _weights(share: Share) -> dict[str, str]:
    return {"weight": text(share.weight), "weight_total": text(share.weight_total)}


def _members(fields: dict[str, Any]) -> bytes:
    """An object's members without its braces, their keys in order."""
    return _encode(fields)[1:-1]

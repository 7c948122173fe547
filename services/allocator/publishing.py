"""Allocation lines as they travel: domain lines to contract bytes.

A run writes up to hundreds of thousands of lines, so a line is encoded once: its content (revision 1, no run id, as
`shared.events.allocations.line_content` has it) is hashed, and revision and run id are then put into those bytes.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

import msgspec

from services.allocator.domain.adjusting import adjustment_id
from services.allocator.domain.buckets import GRAIN
from services.allocator.domain.lines import Flow, Line, Share, Step
from services.allocator.domain.rule_set import CHARGE_DAY
from shared import topics
from shared.events import (
    AdjustmentRun,
    Allocation,
    CostCenter,
    DriverMeasurement,
    RuleSetVersion,
    TraceStep,
    decode,
    encode,
)
from shared.events.base import Contract
from shared.money import ZERO, text
from shared.publisher import Outgoing, cloud_event_headers

SERVICE: Final = "allocator"
ORIGIN: Final = (
    "issuer", "invoice_id", "service_provider", "service_name", "billing_account_id", "sub_account_id",
    "charge_category", "charge_class",
)  # fmt: skip
"""The fields of a line's origin, in the order of `GRAIN` without the currency."""
assert len(ORIGIN) == len(GRAIN) - 1
_REVISION: Final = b'"revision":1,'
_RUN_ID: Final = b'"run_id":""'
_LINE_HEADERS: Final = tuple(
    header for header in cloud_event_headers("finops.allocation.v1", "", SERVICE) if header[0] != "ce_id"
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


def line_content(line: Line, rule_set: str, version: str) -> LineContent:
    """Encode a line exactly as the contract would: keys in order, defaults left out, amounts as plain text."""
    return _content(line.allocation_id, line, _fields(line, rule_set, version))


def adjustment_content(line: Line, number: int, rule_set: str, version: str) -> LineContent:
    """Encode a difference to the line of its id as a line of a period's adjustment, which has an id of its own."""
    own_id = adjustment_id(line.allocation_id, number)
    marks = {"allocation_id": own_id, "adjusts": line.allocation_id, "adjustment": number}
    return _content(own_id, line, _fields(line, rule_set, version) | marks)


def _content(allocation_id: str, line: Line, fields: dict[str, Any]) -> LineContent:
    content = _encode(fields)
    digest = hashlib.sha256(content).digest()
    return LineContent(allocation_id, line.cost_center, fields["rule_set_version"], content, digest)


def _fields(line: Line, rule_set: str, version: str) -> dict[str, Any]:
    flow = line.flow
    fields: dict[str, Any] = {
        "allocation_id": line.allocation_id, "revision": 1, "run_id": "", "billing_period": flow.billing_period,
        "currency": flow.currency, "cost_center": line.cost_center, "kind": line.kind,
        "billed_cost": text(line.billed_cost), "effective_cost": text(line.effective_cost),
        "origin": dict(zip(ORIGIN, flow.origin, strict=True)), "rule_id": flow.rule_id, "rule_set": rule_set,
        "rule_set_version": version,
    } | _share(line.share)  # fmt: skip
    if flow.method is not None:
        fields["method"] = flow.method
    if flow.path:
        fields["path"] = flow.path
    if flow.leg:
        fields["leg"] = flow.leg
    if partition := {name: value for name, value in flow.partition if name != CHARGE_DAY}:
        fields["partition"] = partition
    if flow.steps:
        fields["trace"] = [_step(step) for step in flow.steps]
    return fields


def _step(step: Step) -> dict[str, str]:
    method = {} if step.method is None else {"method": step.method}
    return {"pool": step.pool} | method | _share(step.share)


def _share(share: Share | None) -> dict[str, str]:
    return {} if share is None else {"weight": text(share.weight), "weight_total": text(share.weight_total)}


def withdrawn(body: bytes) -> LineContent:
    """The content of a line that a run does not have any more: nothing left of it."""
    line = decode(Allocation, body)
    gone = msgspec.structs.replace(
        line,
        revision=1,
        run_id="",
        billed_cost=ZERO,
        effective_cost=ZERO,
        weight=None,
        weight_total=None,
        trace=[msgspec.structs.replace(step, weight=None, weight_total=None) for step in line.trace],
        withdrawn=True,
    )
    content = encode(gone)
    digest = hashlib.sha256(content).digest()
    return LineContent(line.allocation_id, line.cost_center, line.rule_set_version, content, digest)


def line_of(body: bytes) -> Line:
    """Read a line back from its bytes; one of an adjustment under the id of the line that it adds to."""
    found = decode(Allocation, body)
    steps = (Step(step.pool, step.method, _share_of(step)) for step in found.trace)
    flow = Flow(
        found.billing_period, found.currency, tuple(getattr(found.origin, name) for name in ORIGIN), found.rule_id,
        tuple(found.path), found.method, found.leg or "", tuple(found.partition.items()), tuple(steps),
    )  # fmt: skip
    return Line(
        found.adjusts or found.allocation_id, flow, found.cost_center, found.kind, found.billed_cost,
        found.effective_cost, _share_of(found),
    )  # fmt: skip


def _share_of(found: Allocation | TraceStep) -> Share | None:
    if found.weight is None or found.weight_total is None:
        return None
    return Share(found.weight, found.weight_total)


def allocation(topic: str, line: LineContent, revision: int, body: bytes) -> Outgoing:
    """A line for its topic: partitioned by cost center, compacted by allocation."""
    key = f"{line.cost_center}/{line.allocation_id}".encode()
    headers = (*_LINE_HEADERS, ("ce_id", f"{line.allocation_id}/{revision}".encode()))
    return Outgoing(topic, key, body, headers, line.cost_center.encode())


def cost_center(prefix: str, record: CostCenter) -> Outgoing:
    """A cost center for its topic."""
    event_id = f"{record.cost_center_id}/{record.revision}"
    return _record(prefix + topics.COST_CENTERS.name, record.cost_center_id, "finops.cost-center.v1", event_id, record)


def driver(prefix: str, record: DriverMeasurement) -> Outgoing:
    """A driver measurement for its topic."""
    key = record.measurement_id
    return _record(prefix + topics.DRIVERS.name, key, "finops.driver.v1", f"{key}/{record.revision}", record)


def rule_set(prefix: str, record: RuleSetVersion) -> Outgoing:
    """A rule set version for its topic."""
    key = f"{record.name}/{record.version}"
    return _record(prefix + topics.RULES.name, key, "finops.rule-set.v1", key, record)


def run(prefix: str, billing_period: str, run_id: str, body: bytes) -> Outgoing:
    """A run with its control totals for its topic."""
    headers = cloud_event_headers("finops.allocation-run.v1", run_id, SERVICE, billing_period)
    return Outgoing(prefix + topics.ALLOCATION_RUNS.name, billing_period.encode(), body, headers)


def adjustment_run(prefix: str, record: AdjustmentRun) -> Outgoing:
    """An adjustment with its control totals for its topic."""
    key = f"{record.billing_period}/{record.number}"
    return _record(prefix + topics.ADJUSTMENT_RUNS.name, key, "finops.adjustment-run.v1", record.run_id, record)


def _record(topic: str, key: str, event_type: str, event_id: str, record: Contract) -> Outgoing:
    return Outgoing(topic, key.encode(), encode(record), cloud_event_headers(event_type, event_id, SERVICE))

"""What the allocator publishes: records for their topics, and lines read back from their bytes."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from services.allocator.domain.lines import Flow, Line, Share, Step
from services.allocator.line_content import ORIGIN, LineContent
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
from shared.money import ZERO
from shared.publisher import Outgoing, cloud_event_headers

SERVICE: Final = "allocator"
_LINE_HEADERS: Final = tuple(
    header for header in cloud_event_headers("finops.allocation.v1", "", SERVICE) if header[0] != "ce_id"
)


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

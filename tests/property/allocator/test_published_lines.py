"""The fast encoder of lines writes exactly what the contract would."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.allocator.domain.lines import Flow, Line, Share, Step
from services.allocator.line_content import LineEncoder
from services.allocator.publishing import withdrawn
from shared.events import Allocation, Origin, TraceStep, content_hash, decode, encode
from shared.events import allocations as contract

texts = st.text(max_size=20) | st.sampled_from(['"revision":1,', '"run_id":""', '\\"revision":1,', "ümläut", "\u2028"])
maybe = st.none() | texts
amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=18)
weights = amounts | st.integers(min_value=-(10**200), max_value=10**200).map(Decimal)
shares = st.builds(Share, weights, weights)
dimensions = st.sampled_from(["charge_day", "RegionId", "x_run_id", "tag:run_id", 'tag:"run_id', 'tag:"revision'])


@st.composite
def line_and_contract(draw: st.DrawFn) -> tuple[Line, Allocation]:
    origin = Origin(
        issuer=draw(texts), invoice_id=draw(maybe), service_provider=draw(texts), service_name=draw(texts),
        billing_account_id=draw(texts), sub_account_id=draw(maybe), charge_category=draw(texts),
        charge_class=draw(maybe),
    )  # fmt: skip
    path = tuple(draw(st.lists(texts, max_size=2)))
    method = draw(st.none() | st.just("even")) if path else None
    share = draw(shares) if method else None
    steps = draw(st.lists(st.builds(Step, texts, st.none() | texts, st.none() | shares), max_size=2)) if path else []
    partition = draw(st.dictionaries(dimensions, maybe, max_size=3))
    leg = draw(st.sampled_from(["", "spill"]))
    values = tuple(getattr(origin, name) for name in origin.__struct_fields__)
    flow = Flow("2026-01", "USD", values, draw(texts), path, method, leg, tuple(partition.items()), tuple(steps))
    line = Line(flow.allocation_id("CC-1"), flow, "CC-1", "shared", draw(amounts), draw(amounts), share)
    return line, Allocation(
        allocation_id=line.allocation_id, revision=7, run_id="run-1", billing_period="2026-01", currency="USD",
        cost_center="CC-1", kind="shared", billed_cost=line.billed_cost, effective_cost=line.effective_cost,
        origin=origin, rule_id=flow.rule_id, rule_set="acme", rule_set_version="v1", method=method, path=list(path),
        weight=share.weight if share else None, weight_total=share.weight_total if share else None,
        leg=leg or None, partition={name: value for name, value in partition.items() if name != "charge_day"},
        trace=[
            TraceStep(pool=pool, method=how, weight=part.weight if part else None,
                      weight_total=part.weight_total if part else None)
            for pool, how, part in steps
        ],
    )  # fmt: skip


@given(st.lists(line_and_contract(), max_size=3), st.lists(st.tuples(amounts, amounts, texts), min_size=1, max_size=3))
def test_bytes_and_hash_are_those_of_the_contract(
    pairs: list[tuple[Line, Allocation]], others: list[tuple[Decimal, Decimal, str]]
) -> None:
    """One encoder for many lines, some of them of one flow and share."""
    encoder = LineEncoder()
    for line, allocation in [same for pair in pairs for same in (pair, *_of_the_same_flow(*pair, others))]:
        encoded = encoder.line(line, allocation.rule_set, allocation.rule_set_version)

        assert encoded.body(7, "run-1") == encode(allocation)
        assert decode(Allocation, encoded.body(7, "run-1")) == allocation
        assert encoded.content == contract.line_content(allocation)
        assert encoded.content_hash.hex() == content_hash(contract.line_content(allocation))


@given(line_and_contract(), st.integers(min_value=1, max_value=10**6))
def test_an_adjusting_line_is_the_contract_s_too(pair: tuple[Line, Allocation], number: int) -> None:
    line, allocation = pair

    encoded = LineEncoder().adjustment(line, number, "acme", "v1")

    wanted = replace(allocation, allocation_id=encoded.allocation_id, adjusts=line.allocation_id, adjustment=number)
    assert encoded.body(7, "run-1") == encode(wanted)
    assert encoded.allocation_id != line.allocation_id


def _of_the_same_flow(
    line: Line, allocation: Allocation, others: list[tuple[Decimal, Decimal, str]]
) -> list[tuple[Line, Allocation]]:
    """Lines of other cost centers and amounts, by other versions, one of them with equal amounts."""
    return [
        (
            line._replace(cost_center=name, billed_cost=billed, effective_cost=effective),
            replace(
                allocation, cost_center=name, billed_cost=billed, effective_cost=effective, rule_set_version=name
            ),
        )
        for billed, effective, name in (*others, (others[0][0], others[0][0], "CC-2"))
    ]  # fmt: skip


@given(line_and_contract())
def test_a_withdrawn_line_keeps_its_id_and_has_nothing_left(pair: tuple[Line, Allocation]) -> None:
    _, allocation = pair

    gone = decode(Allocation, withdrawn(encode(allocation)).body(8, "run-2"))

    assert (gone.allocation_id, gone.revision, gone.run_id, gone.withdrawn) == (
        allocation.allocation_id,
        8,
        "run-2",
        True,
    )
    assert (gone.billed_cost, gone.effective_cost, gone.weight) == (Decimal(0), Decimal(0), None)
    assert (gone.origin, gone.partition) == (allocation.origin, allocation.partition)
    assert [(step.pool, step.weight) for step in gone.trace] == [(step.pool, None) for step in allocation.trace]

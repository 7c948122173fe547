"""Rows of a month with the split in them, batch by batch.

FOCUS 1.3 and later, split cost allocation: a charge that is split stays, with every summable metric zero, and is
followed by its allocated charges, which have its dimensions and prices, the parts of its metrics, `AllocatedMethodId`,
`AllocatedMethodDetails` with the ratio, and the cost center as `AllocatedResourceId`. So the file's sums are those of
the provider's rows, and nothing counts twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.allocator.archived_costs import archived_buckets, expression
from services.allocator.domain.allocate import allocate
from services.allocator.domain.assign import Decision, assigner
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.dimensions import dimensions_used
from services.allocator.domain.rule_set import Target
from services.allocator.domain.step_down import Divisions
from services.allocator.focus_split.outcomes import Outcome, Outcomes
from services.allocator.simulating.simulate import Side
from shared.apportion import largest_remainder
from shared.archive import in_force
from shared.focus import CANONICAL
from shared.money import SCALE, from_units, text, to_units

METRICS: Final = (
    "BilledCost", "ConsumedQuantity", "CommitmentDiscountQuantity", "ContractedCost", "EffectiveCost", "ListCost",
    "PricingCurrencyEffectiveCost", "PricingQuantity",
)  # fmt: skip
"""What adds up over charges: an origin's is the sum of its allocated charges'."""

_ADDED: Final = ("x_CostCenter", "x_AllocationRule", "x_AllocationPath", "x_RuleSetVersion")
_COLUMNS: Final = tuple(column.name for column in CANONICAL)
_DECIMAL: Final = pa.decimal128(38, SCALE)
_ROWS_AT_ONCE: Final = 5_000


class _Place(NamedTuple):
    """One row to write: the archived row that it is made of, its part, and whose it is."""

    row: int
    numerators: tuple[int, ...] | None
    taker: int
    cost_center: str | None
    path: tuple[str, ...]
    rule_id: str
    ratio: Decimal | None
    split: bool


class Month:
    """A billing period's archived rows, allocated as a run would."""

    def __init__(self, archive: Path, billing_period: str, side: Side) -> None:
        """Allocate the month. Blocking.

        Raises:
            ArchiveUnreadable, NoCosts: if the archive does not have the month. CannotDivide: if a pool can't be split.
        """
        rules = side.loaded.rule_set
        divisions: Divisions = {}
        costs = archived_buckets(archive, billing_period, dimensions_used(rules))
        allocate(costs, rules, side.loaded.cost_centers, side.drivers, side.earlier, divisions)
        self._files = in_force(archive, billing_period)
        self._side, self._rules = side, rules
        self._used = rule_dimensions(rules)
        self._partition = tuple(sorted({name for pool in rules.pools for name in pool.partition_by}))
        self._assign = assigner(rules, side.loaded.cost_centers, self._used)
        self._outcomes = Outcomes(rules, divisions)
        self._custom = self._custom_columns()
        self.schema = pa.schema(
            [(name, _DECIMAL if _is_decimal(name) else pa.string()) for name in _COLUMNS]
            + [(name, pa.string()) for name in (*self._custom, *_ADDED)]
        )

    def batches(self) -> Iterator[pa.Table]:
        """The rows to write, in the order of the archive, each origin before its allocated charges. Flat memory."""
        for path, accounts in self._files:
            payers = pa.array(accounts, pa.string())
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_ROWS_AT_ONCE):
                    rows = pa.table(batch)
                    yield self._split(rows.filter(pc.is_in(rows.column("BillingAccountId").cast(pa.string()), payers)))

    def _split(self, rows: pa.Table) -> pa.Table:
        places = [place for number, values in enumerate(self._values(rows)) for place in self._places(number, values)]
        taken = rows.take(pa.array([place.row for place in places], pa.int64()))
        columns: dict[str, Any] = {name: _plain(taken.column(name), self.schema.field(name).type) for name in _COLUMNS}
        for name in METRICS:
            columns[name] = pa.array(_metric(rows.column(name).to_pylist(), places), _DECIMAL)
        columns |= self._allocated_columns(places, columns)
        objects = [json.loads(one) for one in taken.column("custom").cast(pa.string()).to_pylist()]
        for name in self._custom:
            columns[name] = pa.array([one.get(name) for one in objects], pa.string())
        return pa.table([columns[name] for name in self.schema.names], schema=self.schema)

    def _values(self, rows: pa.Table) -> list[tuple[Any, ...]]:
        """For each row the values that rules look at, the currency, and those that pools are partitioned by."""
        names = (*self._used, "BillingCurrency", *self._partition)
        with duckdb.connect() as connection:
            connection.register("rows", rows)
            return connection.execute(f"SELECT {', '.join(map(expression, names))} FROM rows").fetchall()  # noqa: S608

    def _places(self, row: int, values: tuple[Any, ...]) -> Iterator[_Place]:
        decision = self._assign(values[: len(self._used)])
        rule_id, target = decision.rule_id, decision.target
        if isinstance(target, Target) and target.kind != "pool":
            yield _Place(row, None, 0, target.id or "SUSPENSE", (), rule_id, None, split=False)
            return
        outcomes = self._outcomes_of(decision, values)
        if outcomes is None:
            yield _Place(row, None, 0, None, (), rule_id, None, split=False)
            return
        yield _Place(row, (), 0, None, (), rule_id, None, split=True)
        numerators = _integers([outcome.part for outcome in outcomes])
        ratios = _ratios(outcomes)
        for number, (outcome, ratio) in enumerate(zip(outcomes, ratios, strict=True)):
            yield _Place(row, numerators, number, outcome.cost_center, outcome.path, rule_id, ratio, split=True)

    def _outcomes_of(self, decision: Decision, values: tuple[Any, ...]) -> list[Outcome] | None:
        currency = values[len(self._used)]
        partition = tuple(zip(self._partition, values[len(self._used) + 1 :], strict=True))
        return self._outcomes.of(decision, currency, partition)

    def _allocated_columns(self, places: Sequence[_Place], kept: dict[str, Any]) -> dict[str, pa.Array]:
        """What the split says of each row; a row that is not split keeps what the provider says."""
        centers, version = self._side.loaded.cost_centers, self._side.loaded.version
        named = [center and (centers[center].name if center in centers else center) for center in
                 (place.cost_center for place in places)]  # fmt: skip
        columns = {}
        for name, texts in (
            ("AllocatedMethodId", [f"{self._rules.name}/{place.rule_id}" for place in places]),
            ("AllocatedMethodDetails", [_details(place) for place in places]),
            ("AllocatedResourceId", [place.cost_center for place in places]),
            ("AllocatedResourceName", named),
        ):
            provider = kept[name].to_pylist()
            values = [new if place.split else old for place, new, old in zip(places, texts, provider, strict=True)]
            columns[name] = pa.array(values, pa.string())
        columns["x_CostCenter"] = pa.array([place.cost_center for place in places], pa.string())
        columns["x_AllocationRule"] = pa.array([place.rule_id for place in places], pa.string())
        columns["x_AllocationPath"] = pa.array([" > ".join(place.path) or None for place in places], pa.string())
        columns["x_RuleSetVersion"] = pa.array([version] * len(places), pa.string())
        return columns

    def _custom_columns(self) -> tuple[str, ...]:
        """The provider's `x_` columns; ours win where a provider has one of the same name."""
        found: set[str] = set()
        for path, _ in self._files:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=["custom"]):
                    for one in pc.unique(batch.column(0).cast(pa.string())).to_pylist():
                        found.update(json.loads(one))
        return tuple(sorted(found - set(_ADDED)))


def _metric(amounts: Sequence[Decimal | None], places: Sequence[_Place]) -> list[Decimal | None]:
    """A metric of each row to write: as it is, zero for an origin, or the part of an allocated charge."""
    parts: list[Decimal | None] = []
    split: list[int] = []
    for place in places:
        amount = amounts[place.row]
        if amount is None or place.numerators is None:
            parts.append(amount)
        elif not place.numerators:
            parts.append(Decimal(0))
        else:
            if place.taker == 0:
                split = _parts_of(amount, place.numerators)
            parts.append(from_units(split[place.taker]))
    return parts


def _parts_of(amount: Decimal, numerators: tuple[int, ...]) -> list[int]:
    units = to_units(amount)
    keys = [f"{number:09}" for number in range(len(numerators))]
    return largest_remainder(units, [units * n for n in numerators], sum(numerators), keys)


def _integers(parts: Sequence[Fraction]) -> tuple[int, ...]:
    denominator = lcm(*(part.denominator for part in parts))
    return tuple(int(part * denominator) for part in parts)


def _ratios(outcomes: Sequence[Outcome]) -> list[Decimal]:
    """The parts as decimals of 18 digits that add up to exactly 1."""
    return [from_units(units) for units in _parts_of(Decimal(1), _integers([one.part for one in outcomes]))]


def _details(place: _Place) -> str:
    if place.ratio is None:
        return '{"Elements":[]}'
    path = json.dumps(" > ".join(place.path))
    return f'{{"Elements":[{{"AllocatedRatio":{text(place.ratio)},"x_AllocationPath":{path}}}]}}'


def _is_decimal(name: str) -> bool:
    return any(column.name == name and column.type == "decimal" for column in CANONICAL)


def _plain(column: pa.ChunkedArray, wanted: pa.DataType) -> Any:
    return column if column.type == wanted else column.cast(wanted)

"""Pools: the order in which they are split, and the shares of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.allocator.domain.lines import Share
from services.allocator.domain.rule_set import SUSPENSE, Pool, Target
from shared.apportion import largest_remainder
from shared.money import ZERO, from_units, to_units, total

_ONE = Decimal(1)


class PoolCycle(ValueError):
    """Pools that feed each other in a circle have no step-down order."""

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = tuple(cycle)
        super().__init__(f"pools feed each other in a circle: {' -> '.join(self.cycle)}")


class NothingToSplitBy(ValueError):
    """A proportional pool has cost in a currency in which none of its targets has direct cost."""

    def __init__(self, pool: str, currency: str) -> None:
        self.pool, self.currency = pool, currency
        super().__init__(
            f"pool {pool!r} holds {currency} cost, but none of its targets has direct cost in {currency} to split it "
            "by: say when_zero: even or when_zero: suspense, or give it other targets"
        )


def step_down_order(pools: Iterable[Pool]) -> tuple[Pool, ...]:
    """Order pools so that each comes after all that feed it; equals by id.

    Raises:
        PoolCycle: naming the pools of one cycle, its first one repeated at the end.
    """
    waiting = {pool.id: pool for pool in sorted(pools, key=lambda pool: pool.id)}
    order: list[Pool] = []
    while waiting:
        fed = {target.id for pool in waiting.values() for target, _ in pool.targets if target.kind == "pool"}
        free = next((pool for pool in waiting.values() if pool.id not in fed), None)
        if free is None:
            raise PoolCycle(_cycle(waiting))
        order.append(waiting.pop(free.id))
    return tuple(order)


def _cycle(pools: Mapping[str, Pool]) -> list[str]:
    """Find one cycle among pools each of which is fed by another: walk from feeder to feeder until one repeats."""
    walked = [min(pools)]
    while walked.count(walked[-1]) == 1:
        fed = Target("pool", walked[-1])
        walked.append(min(pool.id for pool in pools.values() if any(target == fed for target, _ in pool.targets)))
    cycle = walked[walked.index(walked[-1]) :][::-1]
    first = cycle.index(min(cycle))
    return [*cycle[first:-1], *cycle[:first], cycle[first]]


@dataclass(frozen=True, slots=True)
class Shares:
    """The parts of one pool in one currency; one integer weight per target splits both cost bases."""

    method: str | None
    targets: tuple[Target, ...]
    shares: tuple[Share | None, ...]
    splitting: Callable[[Decimal], list[Decimal]]


def shares(pool: Pool, currency: str, direct: Mapping[str, Decimal]) -> Shares:
    """Fix the shares of a pool in one currency; targets of weight zero are left out.

    Args:
        direct: direct cost by cost center in the currency and the rule set's basis. Negative cost weighs nothing.

    Raises:
        NothingToSplitBy: if all weights are zero and the pool's policy is to fail.
    """
    weighted = [(target, _weight(target, weight, direct)) for target, weight in pool.targets]
    method: str | None = pool.method
    if not any(weight for _, weight in weighted):
        method, weighted = _when_zero(pool, currency)
    kept = sorted((target, weight) for target, weight in weighted if weight)
    targets, weights = zip(*kept, strict=True)
    whole = total(weights)
    said = tuple(Share(weight, whole) if method else None for weight in weights)
    return Shares(method, targets, said, _splitter(targets, weights))


def _weight(target: Target, weight: Decimal | None, direct: Mapping[str, Decimal]) -> Decimal:
    return weight if weight is not None else max(direct.get(target.id, ZERO), ZERO)


def _when_zero(pool: Pool, currency: str) -> tuple[str | None, list[tuple[Target, Decimal]]]:
    if pool.when_zero == "even":
        return "even", [(target, _ONE) for target, _ in pool.targets]
    if pool.when_zero == "suspense":
        return None, [(SUSPENSE, _ONE)]
    raise NothingToSplitBy(pool.id, currency)


def _splitter(targets: Sequence[Target], weights: Sequence[Decimal]) -> Callable[[Decimal], list[Decimal]]:
    """`shared.apportion.split` with the weights made integers once for the many amounts of a pool."""
    keys = [f"{target.kind}:{target.id}" for target in targets]
    integers = [to_units(weight) for weight in weights]
    denominator = sum(integers)

    def split(amount: Decimal) -> list[Decimal]:
        units = to_units(amount)
        if not units:
            return [ZERO] * len(keys)
        return [from_units(part) for part in largest_remainder(units, [units * n for n in integers], denominator, keys)]

    return split

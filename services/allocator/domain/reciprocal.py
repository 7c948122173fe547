"""Pools that serve each other: the reciprocal method, solved exactly.

Each pool i passes on the share s[i][j] to pool j of the group and n[i][t] to a taker t outside it. What one unit that
enters pool i ends up as outside is row i of (I - S)^-1 N: the simultaneous equations of cost accounting, here in
rational numbers, so that nothing is lost to iteration. C. T. Horngren et al., *Cost Accounting*, chapter "Allocation of
Support-Department Costs".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from services.allocator.domain.division import Division, Part
from services.allocator.domain.rule_set import Target

Row = dict[object, Fraction]
Taker = tuple[Target, str]


class NeverPaysOut(ValueError):
    """Pools of a group give everything to each other, so that what they hold never gets anywhere."""

    def __init__(self, pools: tuple[str, ...]) -> None:
        self.pools = pools
        super().__init__(f"pools {', '.join(pools)} give everything to each other and nothing to anybody else")


def solve(divisions: Mapping[str, Division]) -> dict[str, Division]:
    """From what each pool of a group passes on to what finally leaves the group, for one unit entering each pool.

    Raises:
        NeverPaysOut: if the equations have no solution.
    """
    names = sorted(divisions)
    rows = [_equation(name, divisions) for name in names]
    for at, name in enumerate(names):
        pivot = next((row for row in rows[at:] if row.get(name)), None)
        if pivot is None:
            raise NeverPaysOut(tuple(names))
        rows.remove(pivot)
        pivot = _scaled(pivot, 1 / pivot[name])
        rows = [_minus(row, pivot, row.get(name, Fraction(0))) for row in rows]
        rows.insert(at, pivot)
    return {name: _solution(row) for name, row in zip(names, rows, strict=True)}


def _equation(name: str, divisions: Mapping[str, Division]) -> Row:
    """`x[name] - sum of s * x[pool] = sum of n * taker`, each side's unknowns and takers as keys of one row."""
    division = divisions[name]
    whole = sum((part.weight for part in division.parts), Fraction(0))
    row: Row = defaultdict(Fraction, {name: Fraction(1)})
    for target, weight, leg in division.parts:
        if target.kind == "pool" and target.id in divisions:
            row[target.id] -= weight / whole
        else:
            row[target, leg] += weight / whole
    return row


def _scaled(row: Row, factor: Fraction) -> Row:
    return {what: factor * amount for what, amount in row.items() if amount}


def _minus(row: Row, other: Row, times: Fraction) -> Row:
    if not times:
        return row
    found: Row = defaultdict(Fraction, row)
    for what, amount in other.items():
        found[what] -= times * amount
    return found


def _solution(row: Row) -> Division:
    takers = (Part(what[0], share, what[1]) for what, share in row.items() if isinstance(what, tuple) and share)
    return Division.of("reciprocal", takers)

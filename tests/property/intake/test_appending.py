"""However deliveries of an appending source overlap, each row is in force as often as the fullest delivery has it."""

from __future__ import annotations

import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.styles import Style
from services.intake.domain.tags import Case, Normalisation
from tests.unit.intake.desk import Desk, dense
from tests.unit.intake.exports import charge, write_csv

MONTHS: tuple[dict[str, str], ...] = (
    {},
    {"BillingPeriodStart": "2026-02-01T00:00:00Z", "BillingPeriodEnd": "2026-03-01T00:00:00Z"},
)
RULES = ((), (Normalisation("lower", key_case=Case.LOWER),))
Row = tuple[int, int, str]

rows = st.tuples(st.integers(0, 3), st.sampled_from([0, 1]), st.sampled_from(['{"A": "1"}', '{"a": "1"}']))
deliveries = st.lists(st.tuples(st.lists(rows, min_size=1, max_size=6), st.sampled_from(RULES)), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(deliveries)
def test_overlapping_deliveries_add_up(
    made: list[tuple[list[tuple[int, int, str]], tuple[Normalisation, ...]]],
) -> None:
    expected: Counter[Row] = Counter()
    billed = Decimal(0)
    with tempfile.TemporaryDirectory() as directory:
        desk = Desk(Path(directory))
        for number, (delivered, rules) in enumerate(made):
            charges = [charge(n, Tags=tags, **MONTHS[month]) for n, month, tags in delivered]
            file = write_csv(Path(directory, f"{number}.csv"), charges)
            outcome = desk.deliver(file, style=Style.APPEND, tags=rules)
            assert dense(outcome.events)
            assert {event.kind for event in outcome.events} <= {"charge"}
            billed += outcome.billed()
            expected |= Counter(delivered)
            months = {month for _, month, _ in delivered}
            held = sum(count for (_, month, _), count in expected.items() if month in months)
            assert sum(one.events for one in outcome.prepared.snapshot) == held
    assert billed == sum((Decimal(f"{n}.25") * count for (n, _, _), count in expected.items()), Decimal(0))

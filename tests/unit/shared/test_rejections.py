"""Refused rows stay known until the very payer and period is delivered again, or a delivery says it mends them."""

from __future__ import annotations

import msgspec
import pytest

from shared.events import DeliveredScope, Delivery, RejectedRows
from shared.rejections import periods_of, unplaced, unsettled

JAN, FEB = "2026-01", "2026-02"
Place = tuple[str | None, str | None]


def delivery(ordinal: int, replaces: str = "", *rejected: Place, mends: str = "", style: str = "overwrite") -> Delivery:
    """A delivery; `replaces` is like "A/2026-01 B/2026-01"."""
    scopes = [scope.split("/") for scope in replaces.split()]
    return Delivery(
        delivery_id=f"d{ordinal}", source="aws", ordinal=ordinal, received_at="", files=[], partition_events=[],
        published=[], snapshot=[], charges=0, retractions=0, rejected_rows=len(rejected),
        replaces=[DeliveredScope(billing_account_id=account, billing_period=period) for account, period in scopes],
        rejected=[RejectedRows(rows=1, billing_account_id=account, billing_period=at) for account, at in rejected],
        mends=[mends] if mends else [], style=style,  # type: ignore[arg-type]
    )  # fmt: skip


def open_rows(*deliveries: Delivery, period: str = JAN) -> dict[str, int]:
    return {one.delivery_id: rows for one, rows in unsettled(deliveries, period)}


def test_another_payers_clean_delivery_forgets_nothing() -> None:
    first = delivery(1, f"A/{JAN}", ("A", JAN))
    assert open_rows(first, delivery(2, f"B/{JAN}")) == {"d1": 1}
    assert open_rows(first, delivery(2, f"B/{JAN}"), delivery(3, f"A/{JAN}")) == {}
    assert open_rows(first, delivery(2, f"A/{FEB}")) == {"d1": 1}
    assert open_rows(first, period=FEB) == {}


def test_an_older_delivery_answers_for_nothing() -> None:
    assert open_rows(delivery(2, f"A/{JAN}", ("A", JAN)), delivery(1, f"A/{JAN}")) == {"d2": 1}


def test_the_same_rows_refused_again_count_once() -> None:
    assert open_rows(delivery(1, f"A/{JAN}", ("A", JAN)), delivery(2, f"A/{JAN}", ("A", JAN))) == {"d2": 1}


@pytest.mark.parametrize("place", [(None, JAN), (None, None)])
def test_rows_of_an_unknown_payer_wait_for_all_that_their_delivery_held(place: Place) -> None:
    first = delivery(1, f"A/{JAN} B/{JAN} A/{FEB}", place)
    assert open_rows(first, delivery(2, f"A/{JAN}")) == {"d1": 1}
    assert open_rows(first, delivery(2, f"A/{JAN}"), delivery(3, f"B/{JAN}")) == {}


def test_rows_of_an_unknown_period_concern_every_period_of_their_payer() -> None:
    first = delivery(1, f"A/{JAN} A/{FEB}", ("A", None))
    second = delivery(2, f"A/{JAN}")
    assert open_rows(first, second) == {}
    assert open_rows(first, second, period=FEB) == {"d1": 1}


def test_what_was_appended_is_answered_for_only_by_a_delivery_that_says_so() -> None:
    first = delivery(1, "", ("A", JAN), (None, None), style="append")
    assert open_rows(first, delivery(2, style="append")) == {"d1": 2}
    assert open_rows(first, delivery(2, style="append", mends="d1")) == {}
    assert open_rows(first, delivery(2, f"A/{JAN}")) == {"d1": 1}


def test_rows_of_a_delivery_that_tells_no_period_concern_all_until_a_snapshot_may_have_them() -> None:
    nothing = delivery(1, "", (None, None), ("B", None))
    other = msgspec.structs.replace(delivery(2, f"A/{JAN}"), source="gcp")
    assert [(one.delivery_id, rows) for one, rows in unplaced([other, nothing])] == [("d1", 2)]
    assert [(one.delivery_id, rows) for one, rows in unplaced([nothing, delivery(2, f"A/{JAN}")])] == [("d1", 1)]
    assert unplaced([nothing, delivery(2, f"A/{JAN}"), delivery(3, f"B/{FEB}")]) == []
    appended = delivery(1, "", (None, None), style="append")
    assert unplaced([appended, delivery(2, f"A/{JAN}")]) != []
    assert unplaced([appended, delivery(2, style="append", mends="d1")]) == []


def test_a_delivery_that_tells_a_period_or_lacks_nothing_is_not_unplaced() -> None:
    assert unplaced([delivery(1)]) == []
    assert unplaced([msgspec.structs.replace(delivery(1, "", ("A", JAN)), rejected_periods=[JAN])]) == []


def test_a_withdrawal_answers_for_rejected_rows_of_months_in_which_nothing_was_in_force() -> None:
    first = delivery(1, f"A/{JAN}", ("B", FEB))
    withdrawal = delivery(2, f"A/{JAN} B/{FEB}")
    assert periods_of(withdrawal) == {JAN, FEB}
    assert open_rows(first, withdrawal, period=FEB) == {}

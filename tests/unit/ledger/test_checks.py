"""Which deliveries' rejected rows hold a period back, and what control totals say when they differ."""

from __future__ import annotations

from decimal import Decimal

from services.ledger.closing.checks import rejecting
from services.ledger.domain.hand_overs import DeliveryProgress, Figures, differences
from shared.events import DeliveredScope, Delivery


def delivery(source: str, ordinal: int, rejected: int, periods: list[str], *replaces: str) -> Delivery:
    """A delivery with rejected rows, as one of old says it; a full snapshot of the periods it replaces."""
    return Delivery(
        delivery_id=f"{source}-{ordinal}", source=source, ordinal=ordinal, received_at="", files=[],
        partition_events=[], published=[], snapshot=[], charges=0, retractions=0, rejected_rows=rejected,
        rejected_periods=periods,
        replaces=[DeliveredScope(billing_account_id="A", billing_period=period) for period in replaces],
    )  # fmt: skip


def test_only_the_newest_delivery_of_a_source_counts() -> None:
    mended = [delivery("aws", 1, 3, ["2026-01"]), delivery("aws", 2, 0, [], "2026-01")]
    assert rejecting(mended, "2026-01") == []
    assert [one.key for one in rejecting([*mended, delivery("azure", 1, 1, ["2026-01"])], "2026-01")] == [
        "azure/azure-1"
    ]


def test_rejected_rows_of_another_period_do_not_hold_this_one() -> None:
    assert rejecting([delivery("aws", 1, 3, ["2025-12"])], "2026-01") == []


def test_rejected_rows_of_an_unknown_period_hold_every_period_of_the_delivery() -> None:
    assert len(rejecting([delivery("aws", 1, 3, [])], "2026-01")) == 1


def test_differences_name_figure_and_both_values() -> None:
    said: dict[str, Figures] = {"2026-01 USD": {"events": 3, "BilledCost": Decimal("1.50")}}

    assert differences(said, {"2026-01 USD": {"events": 3, "BilledCost": Decimal("1.5")}}) == []
    assert differences(said, {}) == [
        "2026-01 USD: BilledCost is 0, should be 1.5",
        "2026-01 USD: events is 0, should be 3",
    ]


def test_progress_names_every_partition_that_lacks_events() -> None:
    assert DeliveryProgress("d", (2, 0, 3), {0: 2, 2: 1}).missing() == [(2, 1)]

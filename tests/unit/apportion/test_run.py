"""Which months a run closes."""

from __future__ import annotations

from typing import Any

import pytest

from apportion.run import InputRefused, Outcome, periods_to_close

DELIVERY: dict[str, Any] = {
    "snapshot": [{"billing_period": "2026-02"}, {"billing_period": "2026-01"}, {"billing_period": "2026-02"}],
    "rejected_periods": ["2026-01", "2025-12"],
}


def test_all_months_that_rows_are_of_are_closed_oldest_first() -> None:
    assert periods_to_close([], DELIVERY) == ["2025-12", "2026-01", "2026-02"]
    assert periods_to_close(["2026-02", "2025-12"], DELIVERY) == ["2025-12", "2026-02"]


def test_a_month_that_no_row_is_of_is_bad_input() -> None:
    with pytest.raises(InputRefused, match="no row is of 2019-01; the files hold 2025-12, 2026-01, 2026-02"):
        periods_to_close(["2026-01", "2019-01"], DELIVERY)
    with pytest.raises(InputRefused, match="the files hold no period"):
        periods_to_close(["2019-01"], {"snapshot": []})


def test_nothing_closed_is_not_closed() -> None:
    assert not Outcome().closed
    assert not Outcome([{"state": "closed"}, {"state": "blocked"}]).closed
    assert Outcome([{"state": "closed"}]).closed

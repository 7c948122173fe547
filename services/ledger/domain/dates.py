"""The days of a billing period: books know these, and no clock."""

from __future__ import annotations

from datetime import date, timedelta


def first_day(billing_period: str) -> date:
    """`2026-01` -> 2026-01-01."""
    return date.fromisoformat(f"{billing_period}-01")


def last_day(billing_period: str) -> date:
    """`2026-01` -> 2026-01-31: the date of every entry."""
    return day_after(billing_period) - timedelta(days=1)


def day_after(billing_period: str) -> date:
    """`2026-01` -> 2026-02-01: the day on which balances are asserted."""
    return (first_day(billing_period) + timedelta(days=31)).replace(day=1)

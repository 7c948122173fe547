"""Intake's own metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

EVENTS: Final = Counter("apportion_intake_events_published_total", "Cost events acknowledged by Kafka")
DELIVERIES: Final = Counter("apportion_intake_deliveries_total", "Deliveries that came to their end", ["state"])
REJECTED: Final = Counter("apportion_intake_rejected_rows_total", "Rows that were refused", ["code"])
FLAGS: Final = Counter("apportion_intake_flags_total", "Flags on accepted rows", ["code"])
HELD: Final = Gauge("apportion_intake_held_deliveries", "Deliveries that are held until a person decides")
IN_STATE: Final = Gauge("apportion_intake_deliveries_in_state", "Deliveries that are in a state now", ["state"])
NEWEST_ROWS: Final = Gauge(
    "apportion_intake_newest_delivery_rows", "Rows of a source's newest delivery: read, rejected or flagged",
    ["source", "rows"],
)  # fmt: skip
TAGGED: Final = Counter(
    "apportion_intake_tags_normalised_rows_total", "Rows whose tags a rule changed", ["rules", "step"]
)
READ_SECONDS: Final = Histogram(
    "apportion_intake_read_seconds", "Seconds to read, normalise and plan a delivery",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)  # fmt: skip

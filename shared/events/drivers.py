"""Driver measurements: how much of a metric each subject used, so that shared cost can follow it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.events.base import Amount, Contract, encode

METRIC_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
NAME_PATTERN = r"^(?![\s\S]*[\x00-\x1f\x7f])\S(?:.*\S)?$"
INSTANT_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"
NAME_MAX = 200

Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, max_length=NAME_MAX)]
Instant = Annotated[str, msgspec.Meta(pattern=INSTANT_PATTERN, description="UTC, to the second")]


class DriverMeasurement(Contract, frozen=True, kw_only=True):
    """A quantity, not negative, of one metric and subject in a window of time. A higher revision replaces a lower one.

    `subject` is a cost center id, or what a rule set's pool maps to one. The window goes from `window_start` up to, and
    without, `window_end`. All measurements of a metric have one unit. What `source`s say about the same window adds up.
    A `withdrawn` measurement counts for nothing. The record's key is `measurement_id`.
    """

    metric: Annotated[str, msgspec.Meta(pattern=METRIC_PATTERN)]
    subject: Name
    quantity: Annotated[Amount, msgspec.Meta(description="Exact decimal string, at least 0, at most 18 decimals")]
    unit: Name
    window_start: Instant
    window_end: Instant
    source: Name
    revision: Annotated[int, msgspec.Meta(ge=1)]
    withdrawn: bool = False

    @property
    def measurement_id(self) -> str:
        """What a revision is of: metric, subject, window and source, joined by slashes."""
        parts = (self.metric, self.subject, self.window_start, self.window_end, self.source)
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def measurement_content(measurement: DriverMeasurement) -> bytes:
    """The part that a revision fixes: all but the revision itself."""
    return encode(msgspec.structs.replace(measurement, revision=1))

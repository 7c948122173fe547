"""Short work is seen to end at once; long work is not asked about all the time."""

from __future__ import annotations

from itertools import accumulate, islice, takewhile

from shared.polling import pauses


def test_the_first_pauses_are_short() -> None:
    assert list(islice(pauses(), 5)) == [0.1] * 5


def test_a_minute_of_work_is_asked_about_rarely_and_never_seen_to_end_late() -> None:
    asked = list(takewhile(lambda at: at < 60, accumulate(pauses())))
    assert len(asked) < 120
    assert max(islice(pauses(), 1_000)) == 1.0

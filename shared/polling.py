"""How often to ask a service about work in progress: every answer takes time away from that work.

Asking twenty times a second until a large delivery was in took a fifth of the time that the delivery took.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_SHORTEST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 1.0
_SHARE: Final = 20


def pauses() -> Iterator[float]:
    """Seconds to wait before asking again, without end: about a twentieth of what was waited so far, a second at most.

    Short work is seen to end at once, long work hardly later.
    """
    waited = 0.0
    while True:
        pause = min(max(_SHORTEST_SECONDS, waited / _SHARE), _LONGEST_SECONDS)
        yield pause
        waited += pause

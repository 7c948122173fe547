"""Text from the cloud (tags, account and service names) in files that people and programs read."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
REPLACEMENT: Final = "\ufffd"


def clean(value: str | None) -> str:
    """Replace control characters, which break rows and XML, by U+FFFD; nothing at all is empty text.

    Nothing else is changed, and nothing is put before `=`, `+`, `-` or `@`: machine files are never prefixed, and the
    XLSX marks such text as text.
    """
    return "" if value is None else _CONTROL.sub(REPLACEMENT, value)

"""The three families of errors that the edge of a service tells apart.

What is refused is kept, what is unavailable is waited for, and what must never happen stops the process: a wrong
answer to "which of the three?" either loses records or invents them.
"""

from __future__ import annotations


class RetryLater(Exception):
    """Something the process needs is away (a database, the broker): the batch is rolled back and tried again."""


class Reject(Exception):
    """One record can't be accepted, ever, as it is: it goes to the dead letters under `code`."""

    code = "rejected"


class Bug(Exception):
    """An invariant is broken. The process stops and nothing of the batch is kept."""


class Fenced(RetryLater):
    """Another process advanced the same state between our read and our write; the second try sees its result."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was advanced by another process")


class Conflict(Reject):
    """The same id and revision came with other content: tampering, or two writers. Never silently taken."""

    code = "conflict"

    def __init__(self, what: str, key: str, revision: int) -> None:
        self.what, self.key, self.revision = what, key, revision
        super().__init__(
            f"{what} {key} revision {revision} is known with other content; "
            "a change needs a higher revision, so find out who wrote this record"
        )

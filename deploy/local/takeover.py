"""A broker's quick return after a crash: its controller is told that the life before is over.

A controller refuses a broker while the broker's last life has a session, for in a cluster that one may be alive
elsewhere. After a crash nobody ends the session, and it has to be long: a machine that stands still for seconds would
lose its only broker. Ours is one process with its controller, so whoever starts it knows that the life before is over.
"""

import contextlib
import socket
import struct
from pathlib import Path

from deploy.local.ports import LOOPBACK

_REFUSED = b"DUPLICATE_BROKER_REGISTRATION"
_UNREGISTER_BROKER, _VERSION, _CORRELATION, _NO_CLIENT_ID, _NO_TAGS = 64, 0, 0, -1, 0
_TIMEOUT_S = 10


class Takeover:
    """One start of a broker, as its log tells it from here on."""

    def __init__(self, log: Path, controller_port: int, node: int) -> None:
        self._log, self._controller_port, self._node = log, controller_port, node
        self._from = log.stat().st_size if log.exists() else 0
        self._done = False

    def help(self) -> None:
        """Unregister the life before once this one was refused, and only then: a life that was taken would be cut off.

        If the controller says no, or nothing, the broker comes up when the session has run out.
        """
        if not self._done and self._refused():
            self._done = True
            with contextlib.suppress(OSError):
                unregister(self._controller_port, self._node)

    def _refused(self) -> bool:
        with self._log.open("rb") as log:
            log.seek(self._from)
            return _REFUSED in log.read()


def unregister(controller_port: int, node: int) -> None:
    """Make a controller forget a broker, whose partitions lose it as when its session ends; returns when it answers.

    Raises:
        OSError: if nobody answers.
    """
    request = struct.pack(
        ">hhihBiB", _UNREGISTER_BROKER, _VERSION, _CORRELATION, _NO_CLIENT_ID, _NO_TAGS, node, _NO_TAGS
    )
    with socket.create_connection((LOOPBACK, controller_port), _TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        connection.recv(1)

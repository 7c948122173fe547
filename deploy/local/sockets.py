"""Where a unix socket can live: its path must fit into about a hundred bytes, and data directories can be deep."""

import contextlib
import hashlib
import os
import pwd
import tempfile
from pathlib import Path

from deploy.local.errors import DataDirectoryNotWritable

# sun_path is 104 bytes on BSD and macOS, 108 on Linux, the closing zero included.
_PATH_BYTES_MAX = 103
_FILE = "/.s.PGSQL.5432.lock"


def socket_directory(cluster: Path) -> Path:
    """The cluster's own directory where that is short enough, else one below the temporary directory named after it."""
    cluster = cluster.resolve()
    if len(os.fsencode(f"{cluster}{_FILE}")) <= _PATH_BYTES_MAX:
        return cluster
    name = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"apportion-{os.geteuid()}-{name}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    # In a directory that all may write to, someone else could have made it first and would read our connections.
    ours = found.st_uid in _trusted_owners()
    if path.is_symlink() or not ours or found.st_mode & 0o077:
        raise DataDirectoryNotWritable(path, "it belongs to someone else")
    return path


def release_socket_directory(cluster: Path) -> None:
    """Remove the one below the temporary directory, if there is one and it is empty."""
    path = socket_directory(cluster)
    if path != cluster.resolve():
        with contextlib.suppress(OSError):
            path.rmdir()


def _trusted_owners() -> set[int]:
    """Ourselves; for root also the account that the server runs as."""
    return {os.geteuid()} | ({pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else set())

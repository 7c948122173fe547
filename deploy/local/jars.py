"""Jars of Java programs, above all Kafka's: fetched once per user with Maven, shared by all stacks on the machine.

A download becomes visible only by a rename of the finished folder, so a half one is never used; a file lock keeps two
processes from fetching at once.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import doctor
from deploy.local.errors import MavenFailed

KAFKA_VERSION = "4.3.0"
_POM = Path(__file__).with_name("kafka-pom.xml")
_DOWNLOAD_S_MAX = 600
_TAIL_LINES = 15


def cache_dir(program: str = f"kafka-{KAFKA_VERSION}") -> Path:
    """$APPORTION_CACHE, else the user's cache directory; one folder per program and version."""
    base = os.environ.get("APPORTION_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "apportion" / program


def ensure_jars(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The folder with Kafka's jars. Fetches them when the cache has none: 44 MB, a few seconds."""
    note = f"fetching Kafka {KAFKA_VERSION} with Maven (once, 44 MB)"
    return ensure(cache_dir(), _POM, f"kafka_*-{KAFKA_VERSION}.jar", lambda: progress(note))


def ensure(cache: Path, pom: Path, expected: str, fetching: Callable[[], None] = lambda: None) -> Path:
    """The folder with the runtime jars of a POM, one of them named like `expected`.

    Raises:
        LocalStackError: if the cache has none and they can't be fetched.
    """
    jars = cache / "jars"
    if jars.is_dir():
        return jars
    mvn = doctor.maven(cache)
    doctor.writable_directory(cache)
    with _locked(cache / "lock"):
        if not jars.is_dir():
            for abandoned in cache.glob("download-*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            fetching()
            _fetch(mvn, pom, expected, jars)
    return jars


def _fetch(mvn: Path, pom: Path, expected: str, jars: Path) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix="download-", dir=jars.parent))
    try:
        command = [str(mvn), "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_DOWNLOAD_S_MAX, cwd=unfinished, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise MavenFailed(None, "") from error
        if done.returncode != 0 or not any(unfinished.glob(expected)):
            output = (done.stdout + done.stderr).splitlines()
            raise MavenFailed(done.returncode, "\n".join(output[-_TAIL_LINES:]))
        unfinished.chmod(0o755)
        unfinished.rename(jars)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Held until the block ends or the process dies: the kernel lets go of it either way."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""Is this machine fit for the local stack? Each check returns what it found or says what to do."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import DataDirectoryNotWritable, JavaMissing, JavaTooOld, MavenMissing

JAVA_MAJOR_MIN = 17


@dataclass(frozen=True)
class Java:
    """A Java runtime that Kafka can use."""

    path: Path
    version: str


def java() -> Java:
    """JAVA_HOME first, as Java programs do, then the PATH."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise JavaMissing
    path = Path(found).resolve()
    version = _java_version(path)
    if _major(version) < JAVA_MAJOR_MIN:
        raise JavaTooOld(path, version, JAVA_MAJOR_MIN)
    return Java(path, version)


def maven(cache: Path) -> Path:
    """`mvn`, needed only while `cache` has no jars yet."""
    found = shutil.which("mvn")
    if found is None:
        raise MavenMissing(cache)
    return Path(found)


def writable_directory(path: Path) -> Path:
    """Make the directory where it is missing, and prove by writing that it can be used: permissions can mislead."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise DataDirectoryNotWritable(path, error.strerror or str(error)) from error
    return path.resolve()


def _java_version(path: Path) -> str:
    """From the runtime's `release` file, because asking the program itself costs a JVM start at each of our starts."""
    release = path.parent.parent / "release"
    if release.is_file():
        match = re.search(r'^JAVA_VERSION="([^"]+)"', release.read_text(errors="replace"), re.MULTILINE)
        if match:
            return match.group(1)
    said = subprocess.run([str(path), "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "([^"]+)"', said.stderr + said.stdout)
    return match.group(1) if match else "unknown"


def _major(version: str) -> int:
    """17 of `17.0.15`, 8 of `1.8.0_392`; 0 of what can't be read, so that it counts as too old."""
    match = re.match(r"(?:1\.)?(\d+)", version)
    return int(match.group(1)) if match else 0

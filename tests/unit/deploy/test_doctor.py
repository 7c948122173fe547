"""A machine that lacks something is told what, and what to do."""

import socket
from pathlib import Path

import pytest

from deploy.local import EmbeddedKafka, LocalStackError, doctor, jars, ports
from deploy.local.errors import (
    DataDirectoryNotWritable,
    JavaMissing,
    JavaTooOld,
    MavenFailed,
    MavenMissing,
    PortInUse,
)


def program(directory: Path, name: str, script: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No programs but those the test puts into the returned directory, and an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("APPORTION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "bin"


def test_a_machine_without_java_is_told_so(bare_machine: Path, tmp_path: Path) -> None:
    with pytest.raises(JavaMissing, match="Java 17 or later"):
        EmbeddedKafka(tmp_path).start()


@pytest.mark.parametrize("version", ["11.0.20", "1.8.0_392", "16"])
def test_an_old_java_is_refused_with_its_version(bare_machine: Path, version: str) -> None:
    program(bare_machine, "java", f"echo 'openjdk version \"{version}\"' >&2")
    with pytest.raises(JavaTooOld) as refused:
        doctor.java()
    assert refused.value.version == version
    assert version in str(refused.value)


def test_java_home_goes_before_the_path(bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare_machine, "java", "echo 'openjdk version \"11.0.2\"' >&2")
    program(tmp_path / "jdk" / "bin", "java", "exit 1")
    (tmp_path / "jdk" / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="21.0.4"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert doctor.java() == doctor.Java((tmp_path / "jdk" / "bin" / "java").resolve(), "21.0.4")


def test_maven_is_asked_for_only_while_the_jars_are_missing(bare_machine: Path) -> None:
    with pytest.raises(MavenMissing):
        jars.ensure_jars()
    (jars.cache_dir() / "jars").mkdir(parents=True)
    assert jars.ensure_jars() == jars.cache_dir() / "jars"


def test_a_failed_download_shows_mavens_words_and_leaves_nothing_behind(bare_machine: Path) -> None:
    program(bare_machine, "mvn", "echo 'Could not transfer artifact'; exit 1")
    with pytest.raises(MavenFailed, match="Could not transfer artifact"):
        jars.ensure_jars()
    assert [path.name for path in jars.cache_dir().iterdir()] == ["lock"]


def test_a_download_that_brings_nothing_is_a_failure(bare_machine: Path) -> None:
    program(bare_machine, "mvn", "exit 0")
    with pytest.raises(MavenFailed):
        jars.ensure_jars()


def test_a_port_asked_for_by_number_must_be_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} for Kafka"):
            ports.claim(port, "Kafka")


def test_ports_that_are_chosen_lie_below_those_clients_are_given() -> None:
    assert all(ports.claim(None, "Kafka") < 32_768 for _ in range(20))


def test_a_data_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryNotWritable, match=str(tmp_path / "file")):
        doctor.writable_directory(tmp_path / "file")


def test_whoever_shows_errors_needs_one_class_only() -> None:
    assert all(issubclass(kind, LocalStackError) for kind in (JavaMissing, MavenFailed, PortInUse, ports.NoFreePort))

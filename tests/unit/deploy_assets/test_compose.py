"""docker-compose.yml: valid, pinned, closed to the outside, and in step with what the code expects."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.jars import KAFKA_VERSION

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("intake", "allocator", "chargeback", "ledger")


def test_it_is_a_compose_file() -> None:
    judge = Path(sys.executable).with_name("check-jsonschema")
    command = [str(judge), "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", SERVICES[name]["image"])


def test_the_base_image_is_pinned_to_a_version() -> None:
    stages = re.findall(r"^FROM (\S+)", (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(stages) == 2
    assert len(set(stages)) == 1
    assert re.fullmatch(r"python:3\.13\.\d+-slim-[a-z]+", stages[0])


def test_the_broker_is_the_one_that_tests_run_against() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_listens_beyond_this_machine(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert "privileged" not in SERVICES[name]
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]


def test_kafka_and_postgres_can_only_be_reached_from_inside() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("kafka", "postgres", "setup"):
        assert SERVICES[name]["networks"] == ["inside"]


@pytest.mark.parametrize("name", OURS)
def test_services_start_after_setup_and_write_to_volumes_only(name: str) -> None:
    service = SERVICES[name]
    assert service["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "postgres": {"condition": "service_healthy"},
        "setup": {"condition": "service_completed_successfully"},
    }
    assert service["command"] == ["python", "-m", f"services.{name}"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert f"{name}-data:/data" in service["volumes"]


@pytest.mark.parametrize("name", ["kafka", "postgres", "prometheus", "grafana"])
def test_what_others_wait_for_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_secrets_come_from_the_environment_and_the_example_names_them_all() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    required = set(re.findall(r"\$\{([A-Z_]+):\?", text))
    example = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy/example.env").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert required == example.keys()
    assert not any(example.values()), "an example must not hold a password that somebody could keep"


def test_named_volumes_are_declared() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if re.match(r"[a-z]", mount)}
    assert named == COMPOSE["volumes"].keys()


def test_mounted_files_are_there() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    for mount in mounts:
        if mount.startswith("./"):
            assert (ROOT / mount.split(":")[0]).exists(), mount


def test_the_image_copies_what_the_distribution_is_made_of() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    wanted = re.search(r"^include = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted
    for package in re.findall(r'"(\w+)\*"', wanted[1]):
        assert f"COPY {package}" in dockerfile, package

"""kill -9 at every numbered step of every service, and of broker and database: the result is the undisturbed one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from apportion.run import Outcome
from deploy.local import Stack
from tests.faults.support import figures, fingerprint, job_of, make_input, run_disturbed
from tests.stack.shared import Guest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]

PLAN = {
    "intake": [
        "intake.received", "intake.read", "intake.planned", "intake.normalised", "intake.publishing",
        "intake.part-published", "intake.published", "intake.completed", "intake.outbox.published",
    ],
    "allocator": [
        "allocator.*.polled", "allocator.buckets-written", "allocator.*.written", "allocator.*.committed",
        "allocator.run.planned", "allocator.run.lines-written", "allocator.run.written", "allocator.run.committed",
        "allocator.outbox.published",
    ],
    "chargeback": [
        "chargeback.inputs.polled", "chargeback.applied", "chargeback.inputs.written", "chargeback.inputs.committed",
        "chargeback.drafting", "chargeback.drafted", "chargeback.outbox.published", "chargeback.approving",
        "chargeback.approved", "chargeback.issuing", "chargeback.issued", "chargeback.files-written",
        "chargeback.files-published", "chargeback.files-recorded",
    ],
    "ledger": [
        "ledger.costs.polled", "ledger.costs.written", "ledger.costs.committed", "ledger.close.requested",
        "ledger.close.checking.written", "ledger.close.checking.committed", "ledger.outbox.published",
        "ledger.close.invoicing.written", "ledger.close.invoicing.committed", "ledger.close.published",
        "ledger.close.exporting.written", "ledger.close.exporting.committed",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_input(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def undisturbed(
    given: Path, shared_stack: Stack, forked: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, dict[str, str]]:
    out = tmp_path_factory.mktemp("undisturbed")
    with Guest(shared_stack, tmp_path_factory.mktemp("stack")) as stack:
        outcome, deaths = run_disturbed(stack, job_of(given, out), {})
    assert outcome.closed
    assert not deaths
    return outcome, fingerprint(out)


def test_services_killed_at_each_step_change_nothing(
    given: Path, undisturbed: tuple[Outcome, dict[str, str]], shared_stack: Stack, tmp_path: Path
) -> None:
    with Guest(shared_stack, tmp_path / "stack") as stack:
        outcome, deaths = run_disturbed(stack, job_of(given, tmp_path / "out"), PLAN)
    for service, steps in PLAN.items():
        assert [step for step in deaths if step.startswith(f"{service}.")] == steps, "each was reached and killed"
    assert figures(outcome) == figures(undisturbed[0])
    assert fingerprint(tmp_path / "out") == undisturbed[1]


def test_broker_and_database_killed_in_the_middle_change_nothing(
    given: Path,
    undisturbed: tuple[Outcome, dict[str, str]],
    private_stack: Callable[[], Stack],
    tmp_path: Path,
) -> None:
    victims = {3: "kafka", 6: "postgres", 12: "kafka", 15: "postgres"}
    looks = itertools.count()

    def disturb(stack: Stack) -> None:
        if part := victims.pop(next(looks), None):
            stack.kill(part)
            stack.start(part)

    outcome, _ = run_disturbed(private_stack(), job_of(given, tmp_path / "out"), {}, disturb)
    assert not victims, "each was killed twice"
    assert figures(outcome) == figures(undisturbed[0])
    assert fingerprint(tmp_path / "out") == undisturbed[1]

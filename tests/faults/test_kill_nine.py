"""kill -9 at every numbered step of every service, and of broker and database: the result is the undisturbed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from apportion.run import Outcome
from deploy.local import Stack
from tests.faults.support import figures, fingerprint, job_of, make_input, run_disturbed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

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
def undisturbed(given: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, dict[str, str]]:
    out = tmp_path_factory.mktemp("undisturbed")
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        outcome, deaths = run_disturbed(stack, job_of(given, out), {})
    assert outcome.closed
    assert not deaths
    return outcome, fingerprint(out)


@pytest.mark.parametrize("service", list(PLAN))
def test_a_service_killed_at_each_step_changes_nothing(
    service: str,
    given: Path,
    undisturbed: tuple[Outcome, dict[str, str]],
    private_stack: Callable[[], Stack],
    tmp_path: Path,
) -> None:
    outcome, deaths = run_disturbed(private_stack(), job_of(given, tmp_path / "out"), {service: PLAN[service]})
    assert deaths == PLAN[service], "every step was reached and killed"
    assert figures(outcome) == figures(undisturbed[0])
    assert fingerprint(tmp_path / "out") == undisturbed[1]


@pytest.mark.parametrize("part", ["kafka", "postgres"])
def test_broker_or_database_killed_in_the_middle_changes_nothing(
    part: str,
    given: Path,
    undisturbed: tuple[Outcome, dict[str, str]],
    private_stack: Callable[[], Stack],
    tmp_path: Path,
) -> None:
    looks = iter(range(1_000_000))

    def disturb(stack: Stack) -> None:
        if next(looks) in {3, 12}:
            stack.kill(part)
            stack.start(part)

    outcome, _ = run_disturbed(private_stack(), job_of(given, tmp_path / "out"), {}, disturb)
    assert next(looks) > 12, "the part was killed twice"
    assert figures(outcome) == figures(undisturbed[0])
    assert fingerprint(tmp_path / "out") == undisturbed[1]

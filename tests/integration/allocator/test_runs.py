"""The allocator on real Kafka and PostgreSQL: what it publishes is what the pure function says."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import text

from shared import topics
from shared.database import create_engine
from tests.integration.allocator.month import BY_TAG, PEOPLE, RULES, apply, bundle, costs, expected, facts
from tests.integration.allocator.world import PERIOD, World
from tests.stack.waiting import until


async def test_a_delivery_becomes_allocations_whose_run_agrees_with_them(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    charges = costs()
    await world.deliver(charges)

    run = await world.run_of(allocator, lambda run: True)
    lines = await world.published_lines(run)

    assert facts(lines) == expected(charges)
    (total,) = run["totals"]
    assert total["events"] == len(charges)
    assert Decimal(total["cost_effective"]) == sum(Decimal(charge["EffectiveCost"]) for charge in charges)
    assert Decimal(total["cost_effective"]) == Decimal(total["allocated_effective"]) + Decimal(
        total["suspense_effective"]
    )
    assert [run.run_id for run in await world.published_runs(1)] == [run["run_id"]]


async def test_only_changed_lines_are_published_again_and_vanished_ones_are_withdrawn(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    charges = costs(12)
    await world.deliver(charges)
    first = await world.run_of(allocator, lambda run: True)

    credit = charges[3] | {
        "BilledCost": "-" + charges[3]["BilledCost"],
        "EffectiveCost": "-" + charges[3]["EffectiveCost"],
    }
    await world.deliver([credit])
    second = await world.run_of(allocator, lambda run: run["run_id"] != first["run_id"])

    lines = await world.published_lines(second)
    assert facts(lines) == expected([*charges, credit])
    assert second["changed_lines"] == 1
    assert second["totals"][0]["lines"] == first["totals"][0]["lines"] - 1


async def test_a_rule_with_a_new_tag_builds_a_new_lens_from_the_start_of_the_topic(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    charges = costs()
    await world.deliver(charges)
    await world.run_of(allocator, lambda run: True)

    version = await apply(allocator.http, BY_TAG)

    run = await world.run_of(allocator, lambda run: run["rule_set_version"] == version)
    assert facts(await world.published_lines(run)) == expected(charges, BY_TAG)
    engine = create_engine(world.database_url, "test")

    async def one_lens() -> bool | None:
        async with engine.connect() as conn:
            query = "SELECT count(*), (SELECT count(DISTINCT lens_id) FROM allocator.buckets) FROM allocator.lenses"
            return tuple((await conn.execute(text(query))).one()) == (1, 1) or None

    await until(one_lens, "the old lens is gone")
    await engine.dispose()


async def test_two_processes_share_the_partitions_and_one_is_killed(world: World) -> None:
    first, second = await world.start(), await world.start()
    await apply(first.http)
    charges = costs(300)
    half = await world.deliver(charges[:150])
    await world.run_of(first, lambda run: run["deliveries"] == [half.delivery_id])

    delivering = await world.deliver(charges[150:])
    second.kill()

    run = await world.run_of(first, lambda run: delivering.delivery_id in run["deliveries"])
    assert facts(await world.published_lines(run)) == expected(charges)


async def test_a_removed_event_is_noticed_and_named(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)

    delivery = await world.deliver(costs(60), leave_out=8)

    await world.waits(allocator, f"delivery {delivery.delivery_id}: partition 2 has 1 of 10 events")

    async def not_ready() -> str | None:
        answer = (await allocator.http.get("/readyz")).json()
        return next((reason for reason in answer["reasons"] if "expected sequence 1, got 2" in reason), None)

    assert "1 event(s) are missing" in await until(not_ready, "the gap stops the partition")


async def test_without_rules_the_run_waits_and_says_so(world: World) -> None:
    allocator = await world.start()
    await world.deliver(costs(6))

    assert "no rule set applies to 2026-01" in await world.waits(allocator, "no rule set")

    await apply(allocator.http)
    await world.run_of(allocator, lambda run: True)


async def test_a_close_gets_one_final_run_over_its_deliveries_and_a_closed_month_none(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http)
    delivery = await world.deliver(costs(12))
    await world.run_of(allocator, lambda run: run["kind"] == "preview")

    await world.period(1, "closing", "2026-01-1", [delivery.delivery_id, "d-2"])
    await world.waits(allocator, "delivery d-2, which the close names")
    await world.deliver(costs(6))

    final = await world.run_of(allocator, lambda run: run["kind"] == "final")
    assert final["close_id"] == "2026-01-1"
    assert final["deliveries"] == [delivery.delivery_id, "d-2"]
    await world.period(2, "closed", "2026-01-1")
    await world.deliver(costs(2))

    async def settled() -> bool | None:
        found = (await allocator.http.get("/v1/runs")).json()
        return True if not found["waiting"] and found["runs"][0]["run_id"] == final["run_id"] else None

    await until(settled, "the closed month needs no run")


async def test_records_that_break_their_contract_are_dead_letters(world: World) -> None:
    allocator = await world.start()
    await world.publish(topics.DELIVERIES.name, "x", b"{}")
    await world.publish(topics.PERIODS.name, "x", b"not json")

    async def letters() -> list[str] | None:
        found = (await allocator.http.get("/v1/dead-letters")).json()
        return [letter["code"] for letter in found] if len(found) == 2 else None

    assert await until(letters, "two dead letters") == ["unreadable", "unreadable"]


async def test_the_same_rule_set_applied_twice_publishes_nothing_new(world: World) -> None:
    allocator = await world.start()
    version = await apply(allocator.http)
    await world.deliver(costs(12))
    run = await world.run_of(allocator, lambda run: True)

    assert await apply(allocator.http) == version
    await world.deliver([])

    again = await world.run_of(allocator, lambda found: found["run_id"] != run["run_id"])
    assert again["changed_lines"] == 0
    assert again["lines_hash"] == run["lines_hash"]


async def test_a_wrong_rule_set_is_refused_with_its_lines(world: World) -> None:
    allocator = await world.start()
    wrong = bundle().as_json() | {"document": str(bundle().document).replace("CC-2}", "CC-9}")}

    checked = await allocator.http.post("/v1/rule-sets/check", json=wrong)
    refused = await allocator.http.post("/v1/rule-sets", json=wrong | PEOPLE)

    (error,) = checked.json()["errors"]
    assert (error["line"], error["rule"], error["message"]) == (9, "two", "unknown cost center 'CC-9'")
    assert refused.status_code == 422
    assert "rules.yaml:9: two: unknown cost center 'CC-9'" in refused.json()["error"]["message"]


async def test_two_applied_rule_sets_are_compared_and_the_one_in_force_is_shown(world: World) -> None:
    allocator = await world.start()
    first, second = await apply(allocator.http), await apply(allocator.http, BY_TAG)

    compared = await allocator.http.get("/v1/rule-sets/diff", params={"from": first[:8], "to": second[:8]})
    in_force = await allocator.http.get("/v1/rule-sets/in-force", params={"period": "2026-01"})
    before_all = await allocator.http.get("/v1/rule-sets/in-force", params={"period": "2025-12"})

    assert compared.json() == {
        "from": first,
        "to": second,
        "differences": {"rules": {"added": ["by-tag"], "removed": [], "changed": [], "moved": []}},
    }
    assert (in_force.json()["version"], in_force.json()["document"]) == (second, BY_TAG)
    assert before_all.status_code == 404


async def test_key_figures_are_those_of_the_newest_run(world: World) -> None:
    allocator = await world.start()
    await apply(allocator.http, BY_TAG)
    nothing = await allocator.http.get("/v1/kpis", params={"period": PERIOD})
    charges = costs(60)
    await world.deliver(charges)
    run = await world.run_of(allocator, lambda run: True)

    found = (await allocator.http.get("/v1/kpis", params={"period": PERIOD})).json()

    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "no-key-figures")
    assert (found["run_id"], found["rules_unmatched"]) == (run["run_id"], ["tax"])
    (usd,) = found["currencies"]
    assert usd["suspense"] == run["totals"][0]["suspense_effective"]
    assert Decimal(usd["direct"]) + Decimal(usd["shared"]) == Decimal(run["totals"][0]["allocated_effective"])
    assert usd["suspense_days"] == 0
    assert {row["rule_id"] for row in found["by_rule"]} == {"by-tag", "one", "two", "fallback"}
    tagged = sum(Decimal(charge["EffectiveCost"]) for charge in charges if charge["Tags"])
    (team,) = usd["tags"]
    assert (team["tag"], Decimal(team["cost"])) == ("team", tagged)

    newcomer = await world.start()

    async def shown() -> bool | None:
        said = (await newcomer.http.get("/metrics")).text
        return (
            all(
                series in said
                for series in (
                    'apportion_allocator_cost_ratio{currency="USD",kind="suspense",period="2026-01"}',
                    'apportion_allocator_tagged_ratio{currency="USD",period="2026-01",tag="team"}',
                )
            )
            or None
        )

    await until(shown, "the gauges of a process that made no run show it")


async def test_a_run_that_failed_is_made_when_what_it_failed_on_has_changed(world: World) -> None:
    allocator = await world.start()
    failing = RULES.replace("when_zero: even", "when_zero: fail").replace("column: SubAccountId", "column: RegionId")
    await apply(allocator.http, failing)
    charges = costs(12)
    await world.deliver(charges)
    assert "nothing to split by" in await world.waits(allocator, "pool 'shared'")

    await world.deliver(charges[:1])
    await world.waits(allocator, "pool 'shared'")
    await apply(allocator.http)

    run = await world.run_of(allocator, lambda run: True)
    assert facts(await world.published_lines(run)) == expected([*charges, charges[0]])

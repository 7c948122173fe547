"""Driver measurements from HTTP and from the topic: every revision kept, nothing silently taken."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from shared import topics
from shared.events import DriverMeasurement, encode
from tests.integration.allocator.month import apply, bundle
from tests.integration.allocator.world import Process, World
from tests.stack.waiting import until

JANUARY = {"window_start": "2026-01-01", "window_end": "2026-02-01"}


def measured(subject: str, quantity: str, **more: object) -> dict[str, object]:
    return {"metric": "gb", "subject": subject, "quantity": quantity, "unit": "GB"} | JANUARY | more


async def post(process: Process, *items: dict[str, object]) -> httpx.Response:
    return await process.http.post("/v1/drivers", json=items)


async def listed(process: Process, **params: int) -> list[dict[str, Any]]:
    found = await process.http.get("/v1/drivers", params={"metric": "gb", "period": "2026-01", **params})
    assert found.status_code == 200, found.text
    return list(found.json()["drivers"])


async def quantities(process: Process, wanted: dict[str, str]) -> list[dict[str, Any]]:
    """Wait until the measurements in force are these, by subject."""

    async def look() -> list[dict[str, Any]] | None:
        rows = await listed(process)
        return rows if {row["subject"]: row["quantity"] for row in rows} == wanted else None

    return await until(look, f"measurements {wanted}; {process.tail()}")


async def dead_letters(process: Process, wanted: int) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await process.http.get("/v1/dead-letters")).json()
        return found if len(found) >= wanted else None

    return await until(look, f"{wanted} dead letters")


async def test_a_corrected_quantity_is_the_next_revision_and_the_old_one_can_still_be_shown(world: World) -> None:
    allocator = await world.start()

    first = await post(allocator, measured("CC-1", "1.000000000000000001"), measured("CC-2", "5"))
    assert (first.status_code, first.json()) == (202, {"published": 2, "unchanged": 0})
    before = await quantities(allocator, {"CC-1": "1.000000000000000001", "CC-2": "5"})
    second = await post(allocator, measured("CC-1", "2"), measured("CC-2", "5.0"))
    assert second.json() == {"published": 1, "unchanged": 1}

    after = await quantities(allocator, {"CC-1": "2", "CC-2": "5"})
    assert [row["revision"] for row in after] == [2, 1]
    as_of = max(row["ordinal"] for row in before)
    assert await listed(allocator, as_of=as_of) == before
    assert (await allocator.http.get("/v1/drivers/metrics")).json() == [
        {
            "metric": "gb", "unit": "GB", "measurements": 2, "subjects": 2, "first": "2026-01-01T00:00:00Z",
            "last": "2026-02-01T00:00:00Z",
        }
    ]  # fmt: skip


async def test_corrections_that_follow_at_once_get_revisions_of_their_own(world: World) -> None:
    allocator = await world.start()

    for quantity in ("1", "2", "3"):
        assert (await post(allocator, measured("CC-1", quantity))).json()["published"] == 1

    (row,) = await quantities(allocator, {"CC-1": "3"})
    assert row["revision"] == 3
    assert (await allocator.http.get("/v1/dead-letters")).json() == []


async def test_a_withdrawn_measurement_is_gone_and_its_metric_may_have_another_unit(world: World) -> None:
    allocator = await world.start()
    await post(allocator, measured("CC-1", "1"))
    await quantities(allocator, {"CC-1": "1"})

    refused = await post(allocator, measured("CC-2", "1"), measured("CC-3", "1", unit="GiB"))
    assert refused.status_code == 422
    assert "item 2: gb is measured in 'GB', and this is 'GiB': convert" in refused.json()["error"]["message"]
    await post(allocator, measured("CC-1", "1", withdrawn=True))
    await quantities(allocator, {})

    assert (await post(allocator, measured("CC-3", "1", unit="GiB"))).status_code == 202
    await quantities(allocator, {"CC-3": "1"})


async def test_one_bad_item_keeps_all_out(world: World) -> None:
    allocator = await world.start()

    refused = await post(allocator, measured("CC-1", "1"), measured("CC-2", "-1"))

    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "measurements-invalid")
    assert "item 2: quantity '-1' is not a number" in refused.json()["error"]["message"]
    await post(allocator, measured("CC-9", "1"))
    await quantities(allocator, {"CC-9": "1"})


async def test_records_of_others_are_taken_by_id_and_revision_or_refused_with_a_reason(world: World) -> None:
    allocator = await world.start()
    good = DriverMeasurement(
        metric="gb", subject="CC-1", quantity=Decimal(2), unit="GB", window_start="2026-01-01T00:00:00Z",
        window_end="2026-02-01T00:00:00Z", source="meter", revision=2,
    )  # fmt: skip

    async def send(record: DriverMeasurement, key: str | None = None) -> None:
        await world.publish(topics.DRIVERS.name, key or record.measurement_id, encode(record))

    await send(good)
    await send(good)
    await send(msgspec.structs.replace(good, revision=1, quantity=Decimal(7)))
    await send(msgspec.structs.replace(good, quantity=Decimal(9)))
    await send(msgspec.structs.replace(good, subject="CC-2", unit="GiB"))
    await send(msgspec.structs.replace(good, subject="CC-3"), key="CC-3")
    backwards = msgspec.structs.replace(good, window_start="2026-03-01T00:00:00Z")
    await send(backwards)
    await world.publish(topics.DRIVERS.name, "x", json.dumps({"metric": "gb"}).encode())

    letters = await dead_letters(allocator, 5)

    codes = sorted(letter["code"] for letter in letters)
    assert codes == ["conflict", "measurement-refused", "measurement-refused", "unit-differs", "unreadable"]
    said = "\n".join(letter["message"] for letter in letters)
    assert "revision 2 is known with other content" in said
    assert "gb is measured in 'GB', and this is 'GiB'" in said
    assert "the record's key is b'CC-3' and must be 'gb/CC-3/" in said
    assert "not after its start 2026-03-01" in said
    assert [(row["quantity"], row["revision"]) for row in await listed(allocator)] == [("2", 2)]
    conflict = await post(allocator, measured("CC-1", "3", source="meter", revision=2))
    assert "item 1: measurement gb/CC-1/" in conflict.json()["error"]["message"]


async def test_a_rule_set_needs_an_author_and_an_approver_who_differ(world: World) -> None:
    allocator = await world.start()
    body = bundle().as_json()

    alone = await allocator.http.post("/v1/rule-sets", json=body | {"applied_by": "Ann", "approved_by": " ann "})
    nobody = await allocator.http.post("/v1/rule-sets", json=body | {"applied_by": "Ann"})

    assert (alone.status_code, alone.json()["error"]["code"]) == (409, "approver-is-author")
    assert "somebody else has to approve it" in alone.json()["error"]["message"]
    assert nobody.status_code == 422
    assert (await allocator.http.get("/v1/rule-sets")).json() == []
    version = await apply(allocator.http)
    shown = (await allocator.http.get(f"/v1/rule-sets/{version}")).json()
    assert (shown["applied_by"], shown["approved_by"]) == ("ann", "ben")

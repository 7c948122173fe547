"""POST /v1/costs through the running service."""

from __future__ import annotations

import json
from decimal import Decimal

from tests.integration.intake.world import World, sums

COST = {"ServiceName": "farm", "ChargePeriodStart": "2026-01-05", "EffectiveCost": "1.5", "BillingCurrency": "EUR"}


async def test_a_request_becomes_a_delivery_once(world: World) -> None:
    world.start()

    def post(body: object, key: str, **headers: str) -> tuple[int, dict[str, str]]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Idempotency-Key": key, "Content-Type": "application/json"} | headers
        answer = world.http.post("/v1/costs", params={"source": "render"}, content=content, headers=sent)
        return answer.status_code, answer.json()

    status, first = post([COST, COST], "job-1")
    assert status == 202
    shown = world.finish(first["delivery_id"])
    assert (shown["state"], shown["style"], shown["charges"], shown["rejected_rows"]) == ("complete", "append", 2, 0)
    assert post([COST, COST], "job-1") == (202, first | {"state": "complete"})
    status, reused = post([COST], "job-1")
    assert (status, reused["error"]["code"]) == (422, "key-reused")  # type: ignore[index]
    status, other = post(json.dumps(COST).encode() * 1, "job-2", **{"Content-Type": "application/x-ndjson"})
    assert world.finish(other["delivery_id"])["charges"] == 1
    assert {key: figures[::2] for key, figures in sums(await world.events()).items()} == {
        ("2026-01", "EUR"): (3, Decimal("4.5"))
    }

    status, invalid = post([COST, COST | {"EffectiveCost": "?"}], "job-3")
    assert (status, invalid["error"]["code"]) == (422, "invalid-costs")  # type: ignore[index]
    assert "item 2: EffectiveCost has '?'" in invalid["error"]["message"]  # type: ignore[index]
    assert post([COST], "job-4", **{"Content-Type": "text/csv"})[0] == 415
    assert post(b" " * ((8 << 20) + 1), "job-5")[0] == 413
    assert post([COST], "../etc")[0] == 422
    assert len(world.http.get("/v1/deliveries").json()) == 2
    described = world.http.get("/openapi.json").json()["paths"]["/v1/costs"]["post"]
    assert described["requestBody"]["content"]["application/json"]["schema"]["items"]["required"]

"""HTTP in: rule sets, allocations and runs. Amounts are decimal strings, as on the topics."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.allocator.applying import apply
from services.allocator.differences import compare
from services.allocator.domain.approval import ApproverIsAuthor
from services.allocator.driver_api import add_driver_routes
from services.allocator.key_figures import key_figures
from services.allocator.loading import Bundle, RuleSetInvalid, check
from services.allocator.store import allocations, requests, rule_sets
from services.allocator.trying import NotConserved, TriedPlans
from services.allocator.turns import OneMonth
from shared.events import AllocationRun, decode
from shared.http import PERIOD, ApiError

_VERSION = re.compile(r"[0-9a-f]{4,64}")
_LINES_MAX = 10_000

Period = Annotated[str, Query(pattern=PERIOD)]
OptionalPeriod = Annotated[str | None, Query(pattern=PERIOD)]
Limit = Annotated[int, Query(ge=1, le=_LINES_MAX)]


class BundleBody(BaseModel):
    """A rule set as files: the YAML document's text, and the text of each table that it names."""

    document: str
    files: dict[str, str] = {}
    document_name: str = Field("rules.yaml", max_length=255)

    def bundle(self) -> Bundle:
        """What the loader reads."""
        return Bundle(self.document, self.files, self.document_name)


Person = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Application(BundleBody):
    """A rule set to apply, its author, and who approves it, who must be somebody else."""

    applied_by: Person
    approved_by: Person


def add_routes(api: FastAPI, engine: AsyncEngine, prefix: str, tried: TriedPlans, one_month: OneMonth) -> None:
    """Add the allocator's routes; `tried` takes what trials of applied rule sets leave to runs."""
    _rule_set_routes(api, engine, prefix, tried, one_month)
    add_driver_routes(api, engine, prefix)

    @api.get("/v1/allocations", tags=["allocations"])
    async def list_allocations(
        period: Period, cost_center: str | None = None, limit: Limit = 1_000, after: str = ""
    ) -> dict[str, Any]:
        """The live lines of a billing period, by id; `next` continues after the last one."""
        async with engine.connect() as conn:
            rows = await allocations.page(conn, period, cost_center, limit, after)
        lines = [msgspec.json.decode(body) for _, body in rows]
        return {"allocations": lines, "next": rows[-1][0] if len(rows) == limit else None}

    @api.get("/v1/runs", tags=["allocations"])
    async def list_runs(period: OptionalPeriod = None, limit: Limit = 100) -> dict[str, Any]:
        """Finished runs, the newest first, and the periods that wait for one, with what they wait for."""
        async with engine.connect() as conn:
            done = await allocations.run_list(conn, period, limit)
            waiting = await requests.waiting(conn, period)
        return {
            "runs": [
                msgspec.json.decode(row["body"])
                | {"finished_at": row["finished_at"].isoformat(), "seconds": str(row["seconds"])}
                for row in done
            ],
            "waiting": [{"billing_period": row["billing_period"], "reason": row["reason"]} for row in waiting],
        }

    @api.get("/v1/kpis", tags=["allocations"])
    async def show_key_figures(period: Period) -> dict[str, Any]:
        """How much of a period's cost is allocated, how, and by which rules: of its newest run."""
        async with engine.connect() as conn:
            newest = await allocations.newest_runs(conn, period)
        if not newest or newest[0].figures is None:
            raise ApiError(404, "no-key-figures", f"{period} has no run yet that kept key figures; see GET /v1/runs")
        return key_figures(decode(AllocationRun, newest[0].body), newest[0].figures, datetime.now(UTC))


def _refusal(error: ApproverIsAuthor | RuleSetInvalid | NotConserved) -> ApiError:
    """Why a rule set was not applied."""
    match error:
        case ApproverIsAuthor():
            return ApiError(409, "approver-is-author", str(error))
        case NotConserved():
            return ApiError(409, error.code, str(error))
        case RuleSetInvalid():
            return ApiError(422, error.code, str(error))


def _rule_set_routes(api: FastAPI, engine: AsyncEngine, prefix: str, tried: TriedPlans, one_month: OneMonth) -> None:
    @api.post("/v1/rule-sets/check", tags=["rule sets"])
    async def check_rule_set(body: BundleBody) -> dict[str, Any]:
        """Check a rule set without applying it."""
        errors = await run_in_threadpool(check, body.bundle())
        return {
            "errors": [
                {"file": e.file, "line": e.line, "rule": e.rule, "message": e.message, "advice": e.advice}
                for e in errors
            ]
        }

    @api.post("/v1/rule-sets", tags=["rule sets"], status_code=201)
    async def apply_rule_set(body: Application) -> dict[str, Any]:
        """Apply a rule set: it is in force for every billing period from its effective_from on.

        It is tried on the open months first. `held` are those that it can't allocate as things are, such as for want of
        a driver: their last allocations stay until it can.
        """
        try:
            applied = await apply(engine, prefix, body.bundle(), body.applied_by, body.approved_by, tried, one_month)
        except (ApproverIsAuthor, RuleSetInvalid, NotConserved) as error:
            raise _refusal(error) from None
        loaded, rules = applied.loaded, applied.loaded.rule_set
        return {
            "name": rules.name, "version": loaded.version, "effective_from": rules.effective_from, "basis": rules.basis,
            "rules": len(rules.rules), "pools": len(rules.pools), "cost_centers": len(loaded.cost_centers),
            "held": [{"billing_period": one.billing_period, "reason": one.reason} for one in applied.held],
        }  # fmt: skip

    @api.get("/v1/rule-sets", tags=["rule sets"])
    async def list_rule_sets() -> list[dict[str, Any]]:
        """Every applied rule set, the newest first."""
        async with engine.connect() as conn:
            return list(await rule_sets.listing(conn))

    @api.get("/v1/rule-sets/in-force", tags=["rule sets"])
    async def show_in_force(period: Period) -> dict[str, Any]:
        """The rule set that applies to a billing period, with its document and tables."""
        async with engine.connect() as conn:
            version = await rule_sets.in_force(conn, period)
            if version is None:
                raise ApiError(404, "unknown-rule-set", f"no rule set applies to {period}")
            return await _shown(conn, version)

    @api.get("/v1/rule-sets/diff", tags=["rule sets"])
    async def diff_rule_sets(
        before: Annotated[str, Query(alias="from")], after: Annotated[str, Query(alias="to")]
    ) -> dict[str, Any]:
        """What differs between two applied rule sets, each by the first digits of its version."""
        async with engine.connect() as conn:
            (old, old_bundle), (new, new_bundle) = [await applied_rule_set(conn, one) for one in (before, after)]
        found = await run_in_threadpool(compare, old_bundle, new_bundle)
        sections = {name: section.as_json() for name, section in found.items()}
        return {"from": old["version"], "to": new["version"], "differences": sections}

    @api.get("/v1/rule-sets/{version}", tags=["rule sets"])
    async def show_rule_set(version: str) -> dict[str, Any]:
        """One applied rule set with its document and tables; the first digits of the version are enough."""
        async with engine.connect() as conn:
            return await _shown(conn, version)


async def _shown(conn: AsyncConnection, version: str) -> dict[str, Any]:
    row, bundle = await applied_rule_set(conn, version)
    return row | bundle.as_json()


async def applied_rule_set(conn: AsyncConnection, version: str) -> tuple[dict[str, Any], Bundle]:
    """An applied rule set by the first digits of its version: how it was applied, and what.

    Raises:
        ApiError: 404 if none begins so, or several do.
    """
    known = [row for row in await rule_sets.listing(conn) if row["version"].startswith(version)]
    if not _VERSION.fullmatch(version) or len(known) != 1:
        raise ApiError(404, "unknown-rule-set", f"{len(known)} rule sets have a version that begins {version!r}")
    bundle = await rule_sets.bundle(conn, known[0]["version"])
    assert bundle is not None
    return known[0], bundle

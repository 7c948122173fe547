"""Tags as people write them, and who owns a resource: the knowledge that the rules have to arrive at."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from synthetic.catalog import Service
from synthetic.draw import Draw
from synthetic.organisation import SUSPENSE, Account, CostCenter, Organisation

POOL: Final = "pool:"

_ENVIRONMENTS: Final = ("prod", "prod", "staging", "dev", "test")
_LOOK_ALIKE_KEYS: Final = ("Team", " team", "teams", "tem")
_NO_COST_CENTER: Final = ("tbd", "CC-0000", "n/a")
_POOL_ROLES: Final = ("kubernetes", "observability", "network")


class Owned(NamedTuple):
    """The `Tags` column (empty for null), and a cost center id, `pool:<id>` or SUSPENSE."""

    tags: str
    owner: str


def own(draw: Draw, company: Organisation, account: Account, service: Service) -> Owned:
    """Tag a resource, mostly well, and say who owns it in the end."""
    user = _user(draw, company, account)
    tags, owner = _tagged(draw, company, user)
    if "team" not in tags and owner is None and service.subcategory == "Generative AI":
        owner = company.artificial_intelligence.cost_center_id
    return Owned(_written(tags), _by_account(company, account) or owner or account.owner or SUSPENSE)


def _user(draw: Draw, company: Organisation, account: Account) -> CostCenter:
    """Who runs the resource: mostly the account's owner, in shared accounts anybody."""
    guest = draw.pick(company.cost_centers)
    if account.owner is None or draw.below(10) < 3:
        return guest
    return company.by_id[account.owner]


def _by_account(company: Organisation, account: Account) -> str | None:
    """In some accounts tags do not matter."""
    if account.role in _POOL_ROLES:
        return POOL + account.role
    return company.training.cost_center_id if account.role == "training" else None


def _tagged(draw: Draw, company: Organisation, user: CostCenter) -> tuple[dict[str, str], str | None]:
    """Return the tags and the cost center they name; None when they name none that exists."""
    tags = {"env": draw.pick(_ENVIRONMENTS), "application": f"{user.team}-{draw.pick(('api', 'web', 'batch'))}"}
    care = draw.below(100)
    if care < 45:
        return {**tags, "team": user.team}, user.cost_center_id
    if care < 65:
        return {**tags, "team": user.team, "cost_center": user.cost_center_id}, user.cost_center_id
    if care < 73:
        return {**tags, "team": user.team, "cost_center": draw.pick(_NO_COST_CENTER)}, user.cost_center_id
    if care < 81:
        return {**tags, draw.pick(_LOOK_ALIKE_KEYS): draw.pick(company.cost_centers).team}, None
    if care < 89:
        return {**tags, "team": draw.pick((user.team.upper(), user.team + "_", user.team[0] + user.team))}, None
    return ({"env": tags["env"]} if care < 94 else {}), None


def _written(tags: dict[str, str]) -> str:
    return json.dumps(tags, ensure_ascii=False) if tags else ""

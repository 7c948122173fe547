"""What lies beside the export: provider invoices, cost centers, rules with their tables, and the known sums."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from synthetic.amounts import plain
from synthetic.catalog import SERVICES
from synthetic.organisation import Organisation
from synthetic.totals import Totals


def write_beside(out: Path, seed: int, company: Organisation, totals: Totals) -> None:
    """Write all of it."""
    centers = company.cost_centers
    _csv(
        out / "cost-centers.csv",
        ("cost_center_id", "name", "owner"),
        ((c.cost_center_id, c.name, c.owner) for c in centers),
    )
    _mapping(out / "teams.csv", ((center.team, center.cost_center_id) for center in centers))
    _mapping(out / "accounts.csv", ((a.account_id, a.owner) for a in company.accounts if a.owner))
    _text(out / "rules.yaml", _rules(totals.period, company))
    _provider_invoices(out / "provider-invoices.csv", totals)
    _json(out / "totals.json", {"seed": seed, "cost_centers": len(centers), **totals.written()})


def write_restated(out: Path, before: Totals, after: Totals, counts: Mapping[str, int]) -> None:
    """Write what the second snapshot adds up to, and by how much it differs from the first."""
    old = before.currencies()
    difference = [
        {
            "billing_period": after.period,
            "currency": currency,
            "rows": new.rows - old[currency].rows,
            "billed_cost": plain(new.billed_cost - old[currency].billed_cost),
            "effective_cost": plain(new.effective_cost - old[currency].effective_cost),
        }
        for currency, new in after.currencies().items()
    ]
    _provider_invoices(out / "provider-invoices-restated.csv", after)
    _json(out / "totals-restated.json", {**after.written(), "difference": {**counts, "periods": difference}})


def _rules(period: str, company: Organisation) -> str:
    """Fill in the rule set; the generator's own knowledge (`ownership.py`) must come out of it."""
    ids = [center.cost_center_id for center in company.cost_centers]
    models = sorted({service.code for service in SERVICES if service.subcategory == "Generative AI"})
    accounts = {
        role: json.dumps([account.account_id for account in company.accounts if account.role == role])
        for role in ("kubernetes", "observability", "network")
    }
    text = files("synthetic").joinpath("rules-template.yaml").read_text(encoding="utf-8")
    return Template(text).substitute(
        accounts,
        period=period,
        training=company.training.cost_center_id,
        artificial_intelligence=company.artificial_intelligence.cost_center_id,
        model_services=json.dumps(models),
        first=ids[0],
        second=ids[1],
        third=ids[2],
        all_but_training=json.dumps(ids[:-1][:12]),
    )


def _provider_invoices(path: Path, totals: Totals) -> None:
    _csv(path, ("issuer", "invoice_id", "billing_period", "currency", "amount"), totals.provider_invoices())


def _mapping(path: Path, rows: Iterable[tuple[str, str | None]]) -> None:
    _csv(path, ("value", "cost_center_id"), rows)


def _csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _json(path: Path, document: Mapping[str, object]) -> None:
    _text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")

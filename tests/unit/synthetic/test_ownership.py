"""What the generator says about owners is what the rules beside the export say, here spelled out once more as SQL."""

import yaml

from tests.unit.synthetic.conftest import Generated
from tests.unit.synthetic.test_totals import SUMS, found, known

# ->> with a quoted path: the tag keys " team" and "Team" are other keys than "team".
OWNERS = """
CREATE TEMP MACRO tag(name) AS json_extract_string(Tags, '$."' || name || '"');
SELECT BillingCurrency, CASE
    WHEN CommitmentDiscountStatus = 'Unused' OR (ChargeCategory = 'Purchase' AND CommitmentDiscountId IS NOT NULL)
        THEN 'commitments'
    WHEN ChargeCategory = 'Tax' THEN 'taxes'
    WHEN ChargeCategory IN ('Credit', 'Adjustment') THEN 'credits'
    WHEN ServiceSubcategory = 'Support' THEN 'support'
    WHEN SubAccountName SIMILAR TO '(kubernetes|observability|network)-[a-z]+' THEN split_part(SubAccountName, '-', 1)
    WHEN SubAccountName LIKE 'training-%' THEN (SELECT max(cost_center_id) FROM centers)
    WHEN tag('cost_center') IN (SELECT cost_center_id FROM centers) THEN tag('cost_center')
    WHEN tag('team') IN (SELECT value FROM teams)
        THEN (SELECT t.cost_center_id FROM teams t WHERE t.value = tag('team'))
    WHEN tag('team') IS NULL AND ServiceSubcategory = 'Generative AI'
        THEN (SELECT cost_center_id FROM centers ORDER BY 1 LIMIT 1 OFFSET 1)
    ELSE coalesce((SELECT a.cost_center_id FROM accounts a WHERE a.value = SubAccountId), 'SUSPENSE')
END AS owner, {sums} FROM focus GROUP BY ALL
"""


def test_direct_cost_pools_and_suspense_come_out_of_the_rules(export: Generated) -> None:
    totals = export.known()
    suspense = [{"owner": "SUSPENSE", **entry} for entry in totals["suspense"]]
    expected = (
        known(totals["direct"], "currency", "cost_center")
        | known(totals["pools"], "currency", "pool")
        | known(suspense, "currency", "owner")
    )
    assert found(export.query(OWNERS.format(sums=SUMS))) == expected


def test_suspense_is_a_small_residue(export: Generated) -> None:
    rows = sum(entry["rows"] for entry in export.known()["suspense"])
    assert 0 < rows < export.wanted.rows * 0.03


def test_rules_use_every_method_and_every_assignment(export: Generated) -> None:
    rules = yaml.safe_load((export.directory / "rules.yaml").read_text(encoding="utf-8"))
    assert {pool["method"] for pool in rules["pools"]} == {"fixed_percent", "weighted", "even", "proportional"}
    used = {key for rule in rules["rules"] for key in rule["assign"]}
    assert used == {"pool", "cost_center", "tag", "column", "mapping"}
    percents = next(pool["targets"] for pool in rules["pools"] if pool["method"] == "fixed_percent")
    assert sum(percents.values()) == 100
    assert rules["effective_from"] == "2026-06"


def test_pools_without_direct_inflow_are_not_made_up(export: Generated) -> None:
    rules = yaml.safe_load((export.directory / "rules.yaml").read_text(encoding="utf-8"))
    assert {pool["id"] for pool in rules["pools"]} == {entry["pool"] for entry in export.known()["pools"]}


def test_tags_have_realistic_flaws(export: Generated) -> None:
    keys = {key for (key,) in export.query("SELECT DISTINCT unnest(json_keys(Tags)) FROM focus")}
    assert {"team", "Team", " team", "env", "application", "cost_center"} <= keys
    [(untagged,)] = export.query("SELECT count(*) FROM focus WHERE Tags IS NULL")
    assert 0 < untagged < export.wanted.rows * 0.2

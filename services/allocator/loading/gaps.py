"""Values that a rule set knows and gives to nobody."""

from __future__ import annotations

from services.allocator.domain.assign import assigner
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.rule_set import CHARGE_DAY, FALLBACK_RULE, SUSPENSE, Lookup, RuleSet
from services.allocator.loading.problems import listed
from services.allocator.loading.targets import Known
from shared.documents import Problems


def warn_of_gaps(rule_set: RuleSet, known: Known, problems: Problems) -> None:
    """Warn of accounts, or other keys of attribute tables, that a mapping by the same column has forgotten.

    Only where a rule without a condition gives every charge to somebody by that column, so that the table was meant to
    be complete, and the fallback is suspense. A key is forgotten if a charge that says nothing else ends there.
    """
    by_column = {
        rule.assign.dimension: rule.id
        for rule in rule_set.rules
        if rule.when is None and isinstance(rule.assign, Lookup) and rule.assign.mapping is not None
    }
    if rule_set.fallback != SUSPENSE or not by_column:
        return
    names = rule_dimensions(rule_set)
    assign = assigner(rule_set, known.cost_centers, names)
    for table in known.attributes.tables.values():
        if table.dimension in by_column:
            column = table.dimension.removeprefix("tag:")
            bare = {CHARGE_DAY: known.first_day}
            nobody = [
                key for key in table.rows
                if assign(tuple((bare | {table.dimension: key}).get(name) for name in names)).rule_id == FALLBACK_RULE
            ]  # fmt: skip
            if nobody:
                message = (
                    f"no rule gives {column} {listed(nobody)} to anybody, as {by_column[table.dimension]} does others"
                )
                advice = "add them to its mapping; until then their charges without tags are held in suspense"
                problems.warn(0, message, advice, file=table.file)

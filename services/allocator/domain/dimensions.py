"""Every dimension that a run of a rule set looks at: what buckets have to be collected by."""

from __future__ import annotations

from services.allocator.domain.bases import base_dimensions
from services.allocator.domain.conditions import rule_dimensions
from services.allocator.domain.rule_set import RuleSet


def dimensions_used(rule_set: RuleSet) -> tuple[str, ...]:
    """The dimensions of rules, of the partitions of pools, and of what proportional shares are taken from; sorted."""
    used = {*rule_dimensions(rule_set), *base_dimensions(rule_set.pools)}
    return tuple(sorted(used.union(*(pool.partition_by for pool in rule_set.pools))))

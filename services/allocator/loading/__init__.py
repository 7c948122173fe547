"""Rule sets from files: YAML and CSV in, the domain's `RuleSet` out, or every error at once with file and line.

Needs no running service: `rules check` in a git hook or a pipeline uses exactly this code.
"""

from services.allocator.loading.bundle import Bundle, load_bundle
from services.allocator.loading.problems import RuleSetInvalid
from services.allocator.loading.rule_set import LoadedRuleSet, Place, check, load, review

__all__ = ["Bundle", "LoadedRuleSet", "Place", "RuleSetInvalid", "check", "load", "load_bundle", "review"]

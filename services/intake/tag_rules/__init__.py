"""Tag rules from a file: YAML in, the domain's normalisations out, or every error at once with file and line.

Needs no running service: `apportion intake tags check` in a git hook or a pipeline uses exactly this code.
"""

from services.intake.tag_rules.loading import TagRulesInvalid, load_tag_rules, read_tag_rules

__all__ = ["TagRulesInvalid", "load_tag_rules", "read_tag_rules"]

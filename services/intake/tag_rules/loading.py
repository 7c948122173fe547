"""The document of tag rules: read and checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from services.intake.domain.tags import Case, Normalisation, canonical_key, canonical_value
from services.intake.tag_rules.virtual import read_virtual
from shared.documents import BYTES_MAX, DocumentInvalid, Mapping, Problems, Reader, Text, read_document

_KEYS: Final = ("name", "sources", "trim", "key_case", "aliases", "value_case", "values", "virtual")
_ALIASES: Final = "write aliases: {cost-center: [costcenter, cc]}"
_VALUES: Final = "write values: {env: {production: prod}}"
_CASES: Final = "write lower, upper or keep"


class TagRulesInvalid(DocumentInvalid):
    """Tag rules that can't be used, with every reason found."""

    code = "tag-rules-invalid"


def load_tag_rules(path: Path) -> tuple[Normalisation, ...]:
    """Read a file of tag rules.

    Raises:
        TagRulesInvalid: with every error found, the file being unreadable among them.
    """
    problems = Problems(path.name, TagRulesInvalid)
    text = ""
    try:
        with path.open("rb") as file:
            text = file.read(BYTES_MAX + 1).decode("utf-8-sig")
    except OSError as error:
        problems.add(0, f"it can't be read: {error.strerror}", "check the name and its rights")
    except UnicodeDecodeError as error:
        problems.add(0, f"not UTF-8 at byte {error.start}", "save the file as UTF-8")
    problems.raise_if_any()
    return read_tag_rules(text, path.name)


def read_tag_rules(text: str, file: str = "tags.yaml") -> tuple[Normalisation, ...]:
    """Read tag rules from the text of a document.

    Raises:
        TagRulesInvalid: with every error found.
    """
    problems = Problems(file, TagRulesInvalid)
    top = read_document(text, problems, "`normalise:` and a list of normalisations")
    problems.raise_if_any()
    assert top is not None
    reader = Reader(top, problems)
    reader.allow("normalise")
    found = [_normalisation(one) for one in reader.mappings("normalise", "list what is to be done, each with a name")]
    if not found and not problems.errors:
        problems.add(top.line, "normalise is missing", "list what is to be done, each with a name")
    names = [one.name for one in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.add(top.line, f"two normalisations are called {name!r}", "give each its own name: it is counted by it")
    problems.raise_if_any()
    return tuple(found)


def _normalisation(reader: Reader) -> Normalisation:
    problems = reader.problems
    problems.rule = ""
    reader.allow(*_KEYS)
    problems.rule = name = reader.text("name", "name it, so that what it changes can be counted") or ""
    sources = (
        reader.texts("sources", "write sources: [aws-main], or leave it out for all") if _has(reader, "sources") else []
    )
    found = Normalisation(
        name=name,
        sources=frozenset(source.text for source in sources),
        trim=flag(reader, "trim"),
        key_case=_case(reader.text("key_case", _CASES, Case.KEEP), reader.line("key_case"), problems),
    )
    found = replace(found, aliases=_aliases(reader, found))
    found = replace(found, value_case=_value_cases(reader, found))
    found = replace(found, values=_values(reader, found))
    virtual = [read_virtual(one) for one in reader.mappings("virtual", "list virtual tags, each with tag and value")]
    problems.rule = ""
    return replace(found, virtual=tuple(one for one in virtual if one is not None))


def flag(reader: Reader, key: str) -> bool:
    """A switch, off if it is not there."""
    text = reader.text(key, "write true or false", "false")
    if text not in {"true", "false"}:
        reader.problems.add(reader.line(key), f"{key}: {text}", "write true or false")
    return text == "true"


def _has(reader: Reader, key: str) -> bool:
    return key in reader.node.items


def _case(text: str | None, line: int, problems: Problems) -> Case:
    try:
        return Case(text or Case.KEEP)
    except ValueError:
        problems.add(line, f"{text!r} is no case", _CASES)
        return Case.KEEP


def _aliases(reader: Reader, rule: Normalisation) -> dict[str, str]:
    """Alias, as it will be met, to key; an alias leads to one key, and never to another alias."""
    inner = reader.mapping("aliases", _ALIASES)
    found: dict[str, str] = {}
    for key in inner.node.items if inner else ():
        assert inner is not None
        _check_key(inner, rule, key)
        for alias in inner.texts(key, _ALIASES):
            met = canonical_key(rule, alias.text)
            if found.get(met, key) != key:
                reader.problems.add(
                    alias.line, f"{alias.text!r} is an alias of {found[met]!r} and of {key!r}", "keep one"
                )
            if met in inner.node.items and met != key:
                reader.problems.add(
                    alias.line, f"{alias.text!r} is an alias and has aliases itself", "lead to one name"
                )
            if met != key:
                found.setdefault(met, key)
    return found


def _value_cases(reader: Reader, rule: Normalisation) -> dict[str, Case]:
    inner = reader.mapping("value_case", "write value_case: {env: lower}")
    found = {}
    for key in inner.node.items if inner else ():
        assert inner is not None
        _check_key(inner, rule, key)
        found[key] = _case(inner.text(key, _CASES), inner.line(key), reader.problems)
    return found


def _values(reader: Reader, rule: Normalisation) -> dict[str, dict[str, str]]:
    """Key to a map of values as they will be met; no value leads to one that is mapped itself."""
    inner = reader.mapping("values", _VALUES)
    return {key: _value_map(inner, rule, key) for key in inner.node.items} if inner else {}


def _value_map(inner: Reader, rule: Normalisation, key: str) -> dict[str, str]:
    _check_key(inner, rule, key)
    node = inner.node.items[key]
    problems = inner.problems
    if not isinstance(node, Mapping):
        problems.add(inner.line(key), f"values of {key} are not a mapping", _VALUES)
        return {}
    found: dict[str, str] = {}
    for value, target in node.items.items():
        line = node.key_lines[value]
        if not isinstance(target, Text) or not target.text:
            problems.add(line, f"{value!r} leads to no value", _VALUES)
            continue
        met = canonical_value(rule, key, value)
        if found.get(met, target.text) != target.text:
            problems.add(line, f"{value!r} is met as {met!r}, which leads elsewhere already", "keep one of them")
        if canonical_value(rule, key, target.text) != target.text:
            problems.add(
                line, f"{target.text!r} is not in the case or without the blanks that {key} asks for", "mend it"
            )
        if met != target.text:
            found[met] = target.text
    for value in sorted(found.keys() & set(found.values())):
        problems.add(node.line, f"{value!r} is a result and is mapped itself", "lead every value to its last form")
    return found


def _check_key(reader: Reader, rule: Normalisation, key: str) -> None:
    """A name that keys are to have must be one that they can have."""
    if canonical_key(rule, key) != key:
        advice = f"write {canonical_key(rule, key)!r}, or change trim and key_case"
        reader.problems.add(reader.line(key), f"no key is called {key!r} after trim and key_case", advice)
    elif key in rule.aliases:
        reader.problems.add(reader.line(key), f"{key!r} is an alias", f"write {rule.aliases[key]!r}")

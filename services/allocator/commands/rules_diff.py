"""`apportion rules diff`: what a change of rules changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.allocator.commands.sides import valid_bundle_at
from services.allocator.differences import Section, compare
from services.allocator.loading import Bundle, load
from shared.terminal import BAD_USAGE, Json, ServiceCommands, fail, out, print_json

_VERSION: Final = re.compile(r"[0-9a-f]{4,64}")
_NAMED: Final = "a YAML file, a directory that holds one, or the first digits of an applied version"
_ALLOCATOR = ServiceCommands("allocator")


def diff_command(
    before: Annotated[str, typer.Argument(metavar="A", help=f"Rule set: {_NAMED}.")],
    after: Annotated[
        str | None,
        typer.Argument(metavar="[B]", help="The other one. Without it, A is compared with what is in force."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what differs between two rule sets: rules, pools, cost centers and mapping rows by key.

    With one rule set the differences are what applying it would change for the months from its effective_from on.
    Comments and the order of keys make no difference; the order of rules does. Files are compared without a running
    service.
    """
    first = _bundle(before)
    old, new = (_in_force(first), first) if after is None else (first, _bundle(after))
    found = compare(old, new)
    if as_json:
        sections = {name: section.as_json() for name, section in found.items()}
        print_json({"from": old.version, "to": new.version, "differences": sections})
        return
    for line in _lines(found):
        out.print(line, markup=False, soft_wrap=True)
    if not found:
        out.print("no difference")


def _bundle(named: str) -> Bundle:
    path = Path(named)
    if path.exists():
        return valid_bundle_at(path)
    if not _VERSION.fullmatch(named):
        fail(f"{named} is neither a file nor a version: give {_NAMED}", BAD_USAGE)
    return _applied(_ALLOCATOR.get(f"/v1/rule-sets/{named}"))


def _in_force(bundle: Bundle) -> Bundle:
    return _applied(_ALLOCATOR.get("/v1/rule-sets/in-force", period=load(bundle).rule_set.effective_from))


def _applied(shown: dict[str, Any]) -> Bundle:
    return Bundle(shown["document"], shown["files"], shown["document_name"])


def _lines(found: dict[str, Section]) -> Iterator[str]:
    for name, section in found.items():
        yield f"{name}:"
        yield from (f"  + {key}" for key in section.added)
        yield from (f"  - {key}" for key in section.removed)
        yield from (f"  ~ {one.key}: {_shown(one.before)} -> {_shown(one.after)}" for one in section.changed)
        yield from (f"  > {key} is tried earlier or later than before" for key in section.moved)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

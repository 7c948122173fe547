"""Tag rules in the running service."""

from __future__ import annotations

from pathlib import Path

from tests.integration.intake.world import World
from tests.unit.intake.exports import charge, write_csv

RULES = "normalise:\n  - name: house\n    trim: true\n    key_case: lower\n"


async def test_rows_whose_tags_a_rule_changed_are_published_so_and_counted(world: World, tmp_path: Path) -> None:
    rules = tmp_path / "tags.yaml"
    rules.write_text(RULES)
    world.start(tag_rules=rules)
    tags = ['{"Team": "a"}', '{" team": "b"}', '{"team": "c"}']
    world.deliver("aws", write_csv(tmp_path / "a.csv", [charge(n, Tags=one) for n, one in enumerate(tags)]))
    published = [event.charge["Tags"] for some in (await world.events()).values() for event in some]
    assert sorted(published, key=str) == [{"team": one} for one in "abc"]
    for step in ("key-case", "trim"):
        sample = f'apportion_intake_tags_normalised_rows_total{{rules="house",step="{step}"}} 1.0'
        world.until(lambda sample=sample: world.shows(sample), sample)

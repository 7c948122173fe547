"""Tag rules on whole deliveries: what is published, what is kept, and what is counted."""

from __future__ import annotations

import json
from pathlib import Path

from services.intake.domain.styles import Style
from services.intake.domain.tags import Case, Combination, Dimension, Leaf, Normalisation, VirtualTag
from tests.unit.intake.desk import Desk, Outcome
from tests.unit.intake.exports import charge, write_csv

LOWER = Normalisation("lower", trim=True, key_case=Case.LOWER)
TEAM_OF_ACCOUNT = VirtualTag("team", Leaf(Dimension("column", "SubAccountId"), "in", ("001", "002")), value="platform")


def by_resource(outcome: Outcome) -> dict[str, object]:
    return {str(one.charge["ResourceId"]): one.charge.get("Tags") for one in outcome.events}


def test_the_original_is_kept_where_it_changed(tmp_path: Path) -> None:
    rows = [charge(1, Tags='{"Team ": "a"}'), charge(2), charge(3, Tags="")]
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", rows), tags=[LOWER])
    assert by_resource(outcome) == {"vm-1": {"team": "a"}, "vm-2": {"team": "a"}, "vm-3": None}
    kept = {str(one.charge["ResourceId"]): one.custom.get("x_TagsAsDelivered") for one in outcome.events}
    assert kept == {"vm-1": '{"Team ":"a"}', "vm-2": None, "vm-3": None}
    said = {one.message: one.rows for one in outcome.reading.observations.findings() if one.code == "tags-normalised"}
    assert said == {"tag rules lower: key-case": 1, "tag rules lower: trim": 1}


def test_virtual_tags_look_at_columns_and_tags(tmp_path: Path) -> None:
    either = Combination("any", (
        Leaf(Dimension("tag", "app"), "prefix", ("shop",)), Leaf(Dimension("column", "x_Owner"), "exists"),
    ))  # fmt: skip
    rule = Normalisation(
        "virtual",
        virtual=(
            TEAM_OF_ACCOUNT,
            VirtualTag("owner", either, value_of=Dimension("column", "x_Owner")),
            VirtualTag("squad", Combination("not", (either,)), value_of=Dimension("tag", "team"), replace=True),
        ),
    )
    rows = [
        charge(1, Tags="{}", x_Owner="ann"),
        charge(2, Tags='{"team": "own", "squad": "old"}', x_Owner=""),
        charge(3, Tags='{"app": "shop-1"}', x_Owner=""),
        charge(4, Tags="", x_Owner=""),
        charge(6, Tags="", x_Owner=""),
    ]
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", rows), tags=[rule])
    assert by_resource(outcome) == {
        "vm-1": {"owner": "ann", "team": "platform"}, "vm-2": {"squad": "own", "team": "own"},
        "vm-3": {"app": "shop-1"}, "vm-4": None, "vm-6": {"squad": "platform", "team": "platform"},
    }  # fmt: skip
    steps = {step: rows for (_, step), rows in outcome.reading.observations.tag_steps.items()}
    assert steps == {"virtual team": 2, "virtual owner": 1, "virtual squad": 2}


def test_a_file_without_tags_can_get_virtual_ones(tmp_path: Path) -> None:
    names = [name for name in charge() if name != "Tags"]
    rows = [{name: value for name, value in charge(n).items() if name in names} for n in range(3)]
    rule = Normalisation("virtual", virtual=(TEAM_OF_ACCOUNT,))
    outcome = Desk(tmp_path).deliver(write_csv(tmp_path / "a.csv", rows), tags=[rule])
    assert by_resource(outcome) == {"vm-0": None, "vm-1": {"team": "platform"}, "vm-2": {"team": "platform"}}


def test_other_rules_publish_exactly_the_rows_whose_tags_change(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    rows = [charge(n, Tags=json.dumps({"Team" if n % 3 else "team": "a"})) for n in range(9)]
    file = write_csv(tmp_path / "a.csv", rows)
    desk.deliver(file)
    second = desk.deliver(file, tags=[LOWER])
    assert (second.prepared.charges, second.prepared.retractions) == (6, 6)
    assert second.billed() == 0
    assert desk.deliver(file, tags=[LOWER]).events == []
    assert desk.deliver(file).prepared.retractions == 6


def test_other_rules_do_not_make_appended_rows_look_new(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    one, two, three = (charge(n, Tags='{"Team": "a"}') for n in range(3))
    desk.deliver(write_csv(tmp_path / "1.csv", [one, two]), style=Style.APPEND)
    second = desk.deliver(write_csv(tmp_path / "2.csv", [two, two, three]), style=Style.APPEND, tags=[LOWER])
    assert sorted(str(event.charge["ResourceId"]) for event in second.events) == ["vm-1", "vm-2"]
    assert by_resource(second) == {"vm-1": {"team": "a"}, "vm-2": {"team": "a"}}
    third = desk.deliver(write_csv(tmp_path / "3.csv", [two, two, three, one]), style=Style.APPEND)
    assert third.events == []
    whole = desk.deliver(write_csv(tmp_path / "4.csv", [one, two, two, three]), tags=[LOWER])
    assert (whole.prepared.charges, whole.prepared.retractions) == (2, 2)
    assert whole.billed() == 0

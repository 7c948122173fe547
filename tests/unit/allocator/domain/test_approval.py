"""Author and approver of a rule set are two people."""

from __future__ import annotations

import pytest

from services.allocator.domain.approval import ApproverIsAuthor, check_two_people


def test_two_people_may() -> None:
    check_two_people("ann", "ben")


@pytest.mark.parametrize("approver", ["ann", "ANN", " Ann "])
def test_one_person_may_not_however_the_name_is_written(approver: str) -> None:
    with pytest.raises(ApproverIsAuthor, match="is the author of this change of rules; somebody else has to approve"):
        check_two_people("ann", approver)

"""Documents may be holds too.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BEFORE = "delivery, provider-invoice, allocation-run or invoice-run"
_SINCE = "delivery, hold, provider-invoice, allocation-run or invoice-run"


def upgrade() -> None:
    """Say so."""
    _comment(_BEFORE, _SINCE)


def downgrade() -> None:
    """Forget the holds: nothing older knows them."""
    op.execute("DELETE FROM ledger.documents WHERE kind = 'hold'")
    _comment(_SINCE, _BEFORE)


def _comment(before: str, after: str) -> None:
    op.alter_column(
        "documents",
        "kind",
        existing_type=sa.Text(),
        existing_nullable=False,
        existing_comment=before,
        comment=after,
        schema="ledger",
    )

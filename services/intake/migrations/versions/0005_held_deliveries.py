"""Deliveries that are held until a person decides, and how many rows carry flags.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CONSTRAINT = "ck_deliveries_state"
_BEFORE = ("received", "normalised", "publishing", "complete", "refused")
_STATES = (
    "received", "held", "released", "normalised", "publishing", "complete", "refused", "cancelled", "superseded",
)  # fmt: skip


def upgrade() -> None:
    """Add the states, what is known about a held delivery, and the decisions."""
    _states(_STATES)
    for column in (
        sa.Column("reject_limit", sa.Text(),
                  comment="rows or percentage that may be rejected; null: as the settings say"),
        sa.Column("hold_reasons", JSONB(), server_default="[]", nullable=False, comment="code and message of each"),
        sa.Column("held_scopes", JSONB(), server_default="[]", nullable=False,
                  comment="payer and period of each, while held"),
        sa.Column("superseded_by", sa.Text(), comment="the newer delivery that replaced it while it was held"),
        sa.Column("flagged_rows", sa.BigInteger(), server_default="0", nullable=False,
                  comment="accepted rows that carry flags"),
        sa.Column("ended_at", sa.DateTime(timezone=True), comment="when nothing more could come"),
    ):  # fmt: skip
        op.add_column("deliveries", column, schema="intake")
    _decisions()


def downgrade() -> None:
    """Forget decisions and reasons; held deliveries become refused, as nothing of them was published."""
    op.drop_table("hold_decisions", schema="intake")
    for column in ("ended_at", "flagged_rows", "superseded_by", "held_scopes", "hold_reasons", "reject_limit"):
        op.drop_column("deliveries", column, schema="intake")
    op.execute(
        "UPDATE intake.deliveries SET state = 'refused', error = 'it was held' "
        "WHERE state IN ('held', 'cancelled', 'superseded')"
    )
    op.execute("UPDATE intake.deliveries SET state = 'received' WHERE state = 'released'")
    _states(_BEFORE)


def _states(states: tuple[str, ...]) -> None:
    op.execute(f"ALTER TABLE intake.deliveries DROP CONSTRAINT {_CONSTRAINT}")
    op.create_check_constraint(
        op.f(_CONSTRAINT), "deliveries", "state IN (" + ", ".join(f"'{state}'" for state in states) + ")",
        schema="intake",
    )  # fmt: skip


def _decisions() -> None:
    op.create_table(
        "hold_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False, comment="released or cancelled"),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_decisions")),
        schema="intake",
    )
    op.create_index("ix_hold_decisions_delivery_id", "hold_decisions", ["delivery_id"], schema="intake")

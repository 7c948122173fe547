"""Delivery styles: how a source delivers, several deliveries in force for one scope, when snapshots were made; and
which requests brought direct costs.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STYLES = "style IN ('overwrite', 'append')"


def upgrade() -> None:
    """What was delivered so far was delivered by overwriting."""
    op.create_table(
        "source_styles",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("style", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_source_styles")),
        sa.CheckConstraint(_STYLES, name=op.f("ck_source_styles_style")),
        schema="intake",
    )
    op.execute("INSERT INTO intake.source_styles SELECT DISTINCT source, 'overwrite' FROM intake.deliveries")
    for column in (
        sa.Column("republish", sa.Text(), comment="asked, or why it could not be published again"),
        sa.Column("style", sa.Text(), server_default="overwrite", nullable=False, comment="overwrite or append"),
        sa.Column("as_of", sa.DateTime(timezone=True), comment="when the provider made the snapshot, if known"),
        sa.Column(
            "mends", JSONB(), server_default="[]", nullable=False, comment="deliveries whose refused rows it holds"
        ),
    ):
        op.add_column("deliveries", column, schema="intake")
    op.add_column(
        "scopes", sa.Column("as_of", sa.DateTime(timezone=True), comment="the newest snapshot's"), schema="intake"
    )
    op.drop_constraint("pk_scopes", "scopes", schema="intake")
    op.create_primary_key(
        "pk_scopes", "scopes", ["source", "billing_account_id", "billing_period", "delivery_id"], schema="intake"
    )
    op.create_table(
        "direct_requests",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False, comment="of media type and body"),
        sa.Column("body_sha256", sa.Text(), nullable=False, comment="where the archive has the body"),
        sa.Column("delivery_id", sa.Text(), nullable=False, comment="the delivery that it became"),
        sa.PrimaryKeyConstraint("source", "idempotency_key", name=op.f("pk_direct_requests")),
        schema="intake",
    )


def downgrade() -> None:
    """Forget styles; refused by the primary key while several deliveries are in force for a scope."""
    op.drop_table("direct_requests", schema="intake")
    op.drop_constraint("pk_scopes", "scopes", schema="intake")
    op.create_primary_key("pk_scopes", "scopes", ["source", "billing_account_id", "billing_period"], schema="intake")
    op.drop_column("scopes", "as_of", schema="intake")
    for name in ("republish", "mends", "as_of", "style"):
        op.drop_column("deliveries", name, schema="intake")
    op.drop_table("source_styles", schema="intake")

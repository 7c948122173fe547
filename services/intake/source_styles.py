"""How sources deliver, and what that makes of their deliveries, in PostgreSQL. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.delivery import ArchivedFile, Scope, State
from services.intake.domain.styles import Style, Terms, UnknownMended, style_of
from services.intake.tables import deliveries, scopes, source_styles


async def agree(conn: AsyncConnection, source: str, terms: Terms) -> Style:
    """Find the style of a source's next delivery, and remember it.

    Raises:
        StyleDiffers: if it is not the source's, and no change is asked for.
        UnknownMended: if the delivery mends one that the source never made.
    """
    for delivery_id in terms.mends:
        mended = select(deliveries.c.ordinal).where(
            deliveries.c.source == source, deliveries.c.delivery_id == delivery_id
        )
        if (await conn.execute(mended)).scalar_one_or_none() is None:
            raise UnknownMended(source, delivery_id)
    known = (
        await conn.execute(select(source_styles.c.style).where(source_styles.c.source == source))
    ).scalar_one_or_none()
    style = style_of(source, Style(known) if known else None, terms)
    if style != known:
        statement = insert(source_styles).values(source=source, style=style)
        await conn.execute(statement.on_conflict_do_update(index_elements=["source"], set_={"style": style}))
    return style


async def files_in_force(conn: AsyncConnection, source: str, files: Sequence[ArchivedFile]) -> set[str]:
    """The sha256 of those files that the source's append deliveries had, after its last full snapshot."""
    done = (deliveries.c.source == source) & (deliveries.c.state == State.COMPLETE)
    snapshot = (
        select(func.coalesce(func.max(deliveries.c.ordinal), 0))
        .where(done, deliveries.c.style == Style.OVERWRITE)
        .scalar_subquery()
    )
    file = func.jsonb_array_elements(deliveries.c.files).column_valued("file", joins_implicitly=True)
    sha256 = file.op("->>")("sha256")
    query = (
        select(sha256)
        .distinct()
        .select_from(deliveries)
        .where(done, deliveries.c.ordinal > snapshot, sha256.in_([one.sha256 for one in files]))
    )
    return set((await conn.execute(query)).scalars())


async def other_sources(conn: AsyncConnection, source: str, files: Sequence[ArchivedFile]) -> list[str]:
    """The other sources that have any of these files in force, byte for byte."""
    file = func.jsonb_array_elements(deliveries.c.files).column_valued("file", joins_implicitly=True)
    query = (
        select(deliveries.c.source)
        .distinct()
        .select_from(deliveries)
        .where(
            deliveries.c.source != source,
            deliveries.c.delivery_id.in_(select(scopes.c.delivery_id)),
            file.op("->>")("sha256").in_([one.sha256 for one in files]),
        )
    )
    return sorted((await conn.execute(query)).scalars())


async def ages(conn: AsyncConnection, source: str, wanted: Collection[Scope]) -> dict[Scope, datetime]:
    """When the newest snapshot of some scopes was made, where somebody said so."""
    query = select(scopes.c.billing_account_id, scopes.c.billing_period, func.max(scopes.c.as_of)).where(
        scopes.c.source == source, scopes.c.as_of.is_not(None)
    )
    rows = await conn.execute(query.group_by(scopes.c.billing_account_id, scopes.c.billing_period))
    return {scope: as_of for account, period, as_of in rows if (scope := Scope(account, period)) in wanted}

"""Deliveries in PostgreSQL. Every function works in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import source_styles
from services.intake.domain.delivery import ENDED, UNFINISHED, ArchivedFile, Scope, State, check_step, delivery_id
from services.intake.domain.holding import Claim
from services.intake.domain.styles import Style, Terms
from services.intake.origins import delivered_as, keep, known
from services.intake.tables import SERVICE, STREAM_TABLES, deliveries, scopes
from shared import dead_letters
from shared.batch import DeadLetter
from shared.database import lock_transaction
from shared.errors import Fenced

_NO_TERMS: Final = Terms()


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery as the database knows it."""

    delivery_id: str
    source: str
    ordinal: int
    state: State
    received_at: datetime
    files: tuple[ArchivedFile, ...]
    rows_read: int
    parts_published: int
    events_published: int
    record: bytes | None
    error: str | None
    style: Style
    as_of: datetime | None
    mends: tuple[str, ...]
    reject_limit: str | None
    hold_reasons: list[dict[str, str]]
    held_scopes: list[list[str]]
    superseded_by: str | None
    flagged_rows: int
    ended_at: datetime | None
    withdraws: tuple[Claim, ...] | None = None

    @property
    def takes_back(self) -> list[Scope]:
        """The scopes that a withdrawal takes rows back from."""
        return [Scope(account, period) for account, period in self.withdraws or () if account is not None]

    destination: dict[str, Any] | None = None


_STORED: Final = tuple(one.name for one in fields(StoredDelivery))


async def create(
    conn: AsyncConnection, source: str, files: Sequence[ArchivedFile], terms: Terms = _NO_TERMS,
    origins: Sequence[str] = (),
) -> StoredDelivery:  # fmt: skip
    """Add a delivery of a source; the one before, if it came from the same origins or is under way with these files.

    Raises:
        PartlyDelivered: if only a part of the origins was delivered before.
        StyleDiffers, UnknownMended: as `source_styles.agree` says.
    """
    await lock_transaction(conn, SERVICE, "create", source)
    before = delivered_as(source, origins, await known(conn, source, origins))
    if before is not None:
        return _stored((await conn.execute(select(deliveries).where(deliveries.c.delivery_id == before))).one())
    created = await _created(conn, source, files, terms)
    await keep(conn, source, origins, created.delivery_id)
    return created


async def _created(conn: AsyncConnection, source: str, files: Sequence[ArchivedFile], terms: Terms) -> StoredDelivery:
    query = select(deliveries).where(deliveries.c.source == source).order_by(deliveries.c.ordinal.desc()).limit(1)
    newest = (await conn.execute(query)).one_or_none()
    if newest is not None and newest.state in UNFINISHED and _stored(newest).files == tuple(files):
        return _stored(newest)
    style = await source_styles.agree(conn, source, terms)
    return await add(
        conn, source, files, style=style, as_of=terms.as_of, mends=list(terms.mends), reject_limit=terms.reject_limit
    )


async def add(
    conn: AsyncConnection, source: str, files: Sequence[ArchivedFile], *, style: Style, **values: object
) -> StoredDelivery:
    """Add the next delivery of a source, as it is said; the caller has the lock `create` of the source."""
    before = select(func.coalesce(func.max(deliveries.c.ordinal), 0)).where(deliveries.c.source == source)
    ordinal = (await conn.execute(before)).scalar_one() + 1
    row = {
        "delivery_id": delivery_id(source, ordinal, files), "source": source, "ordinal": ordinal,
        "state": State.RECEIVED, "files": [_as_json(file) for file in files], "style": style, **values,
    }  # fmt: skip
    return _stored((await conn.execute(insert(deliveries).values(row).returning(deliveries))).one())


async def find(conn: AsyncConnection, delivery_id: str) -> StoredDelivery | None:
    """One delivery."""
    row = (await conn.execute(select(deliveries).where(deliveries.c.delivery_id == delivery_id))).one_or_none()
    return None if row is None else _stored(row)


async def listing(conn: AsyncConnection, limit: int) -> list[StoredDelivery]:
    """The newest deliveries."""
    query = select(deliveries).order_by(deliveries.c.received_at.desc(), deliveries.c.delivery_id).limit(limit)
    return [_stored(row) for row in await conn.execute(query)]


async def unfinished(conn: AsyncConnection) -> list[StoredDelivery]:
    """The oldest unfinished delivery of each source, oldest first: the others wait for it."""
    oldest = (
        select(deliveries)
        .where(deliveries.c.state.in_(UNFINISHED))
        .distinct(deliveries.c.source)
        .order_by(deliveries.c.source, deliveries.c.ordinal)
    )
    return sorted((_stored(row) for row in await conn.execute(oldest)), key=lambda one: one.received_at)


async def completed(conn: AsyncConnection, source: str) -> list[StoredDelivery]:
    """What a source delivered and intake published, oldest first."""
    query = select(deliveries).where(deliveries.c.source == source, deliveries.c.state == State.COMPLETE)
    return [_stored(row) for row in await conn.execute(query.order_by(deliveries.c.ordinal))]


async def advance(conn: AsyncConnection, delivery: StoredDelivery, following: State, **values: object) -> None:
    """Move a delivery to its next state.

    Raises:
        ImpossibleStep: if there is no such step. Fenced: if another process moved it meanwhile.
    """
    check_step(delivery.delivery_id, delivery.state, following)
    moved = await conn.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery.delivery_id, deliveries.c.state == delivery.state)
        .values(state=following, **({"ended_at": func.clock_timestamp()} if following in ENDED else {}), **values)
    )
    if moved.rowcount != 1:
        raise Fenced(f"delivery {delivery.delivery_id}")


async def checkpoint(
    conn: AsyncConnection, delivery_id: str, parts: int, events: int, destination: dict[str, Any]
) -> None:
    """Note how far a delivery is published: all events of its first parts are acknowledged, at this destination."""
    await conn.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery_id)
        .values(parts_published=parts, events_published=events, destination=destination)
    )


async def scopes_in_force(conn: AsyncConnection, source: str) -> set[Scope]:
    """The scopes that a source has rows in force for."""
    query = select(scopes.c.billing_account_id, scopes.c.billing_period).where(scopes.c.source == source)
    return {Scope(*row) for row in await conn.execute(query)}


async def in_force(
    conn: AsyncConnection, source: str, wanted: Collection[Scope]
) -> list[tuple[str, str, tuple[str, ...]]]:
    """What holds for some scopes now: (delivery id, billing period, payers), in a fixed order."""
    payers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in await conn.execute(select(scopes).where(scopes.c.source == source)):
        if Scope(row.billing_account_id, row.billing_period) in wanted:
            payers[row.delivery_id, row.billing_period].append(row.billing_account_id)
    return [(delivery, period, tuple(sorted(accounts))) for (delivery, period), accounts in sorted(payers.items())]


async def newest_in_force(conn: AsyncConnection, source: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """All that holds for a source now, what was delivered last first: (delivery id, billing period, payers)."""
    query = (
        select(scopes.c.delivery_id, scopes.c.billing_period, func.array_agg(scopes.c.billing_account_id))
        .join(deliveries, deliveries.c.delivery_id == scopes.c.delivery_id)
        .where(scopes.c.source == source)
        .group_by(deliveries.c.ordinal, scopes.c.delivery_id, scopes.c.billing_period)
        .order_by(deliveries.c.ordinal.desc(), scopes.c.billing_period.desc())
    )
    return [(delivery, period, tuple(sorted(payers))) for delivery, period, payers in await conn.execute(query)]


async def put_in_force(conn: AsyncConnection, delivery: StoredDelivery, held: Sequence[Scope]) -> None:
    """From now on a delivery's rows hold for its scopes: they alone, or, if it appends, beside those that did.

    A withdrawal has no rows, so nothing holds for its scopes.
    """
    if not held:
        return
    ages = await source_styles.ages(conn, delivery.source, set(held))
    if delivery.style is Style.OVERWRITE:
        former = scopes.delete().where(
            scopes.c.source == delivery.source,
            scopes.c.billing_account_id == bindparam("account"),
            scopes.c.billing_period == bindparam("period"),
        )
        await conn.execute(former, [{"account": account, "period": period} for account, period in held])
    if delivery.withdraws is not None:
        return
    rows = [
        {
            "source": delivery.source, **scope._asdict(), "delivery_id": delivery.delivery_id,
            "as_of": delivery.as_of or ages.get(scope),
        }
        for scope in sorted(held)
    ]  # fmt: skip
    await conn.execute(insert(scopes), rows)


async def keep_letters(conn: AsyncConnection, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Keep refused rows as dead letters; returns the new ones."""
    return await dead_letters.record(conn, STREAM_TABLES.letters, letters)


def _as_json(file: ArchivedFile) -> dict[str, object]:
    return asdict(file)


def _stored(row: Row[Any]) -> StoredDelivery:
    files = tuple(ArchivedFile(**file) for file in row.files)
    withdraws = None if row.withdraws is None else tuple(Claim(*one) for one in row.withdraws)
    read = {
        "state": State(row.state), "files": files, "style": Style(row.style), "mends": tuple(row.mends),
        "withdraws": withdraws,
    }  # fmt: skip
    return StoredDelivery(**{name: read.get(name, row._mapping[name]) for name in _STORED})

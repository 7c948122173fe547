"""The migrations make exactly the tables that the code declares, and the journal cannot be changed in them."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.ledger.domain.entries import PostedDifferently
from services.ledger.domain.posting import journal
from services.ledger.store import journal as store
from services.ledger.store.tables import tables
from shared.database import create_engine, migrate
from tests.stack.schema import differences
from tests.unit.ledger.months import month


async def test_models_and_migrations_agree(database_url: str) -> None:
    engine = create_engine(database_url, "test")
    await migrate(engine, "ledger")
    await migrate(engine, "ledger")
    async with engine.begin() as conn:
        assert await conn.run_sync(differences, tables) == []
    await engine.dispose()


async def test_the_journal_is_append_only_and_posting_again_is_a_no_op(database_url: str) -> None:
    engine = create_engine(database_url, "test")
    await migrate(engine, "ledger")
    entries = journal(month())
    async with engine.begin() as conn:
        head = await store.post(conn, "2026-01", entries)
        assert await store.post(conn, "2026-01", entries) == head
        assert (await store.read(conn, "2026-01"))[0] == entries
        with pytest.raises(PostedDifferently):
            await store.post(conn, "2026-01", journal(month(rule_version="other")))
    for change in ("UPDATE ledger.postings SET amount = 0", "DELETE FROM ledger.entries", "TRUNCATE ledger.postings"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with engine.begin() as conn:
                await conn.execute(text(change))
    await engine.dispose()

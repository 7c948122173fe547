"""The local stack itself: it starts, stops, comes back with its data, and says what is wrong."""

import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local import SERVICES, LocalStackError, Stack
from deploy.local.errors import AlreadyRunning, NotRunning, ProcessDied, ProcessNotReady

_FAKE = Path(__file__).parents[1] / "stack" / "fake_service.py"


def fake_command(service: str) -> list[str]:
    return [sys.executable, str(_FAKE), service]


async def query(url: str, statement: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(sa.text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_request_size=8 * 1024 * 1024
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def first_value(bootstrap: str, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        value = (await consumer.getone()).value
        assert value is not None
        return bytes(value)
    finally:
        await consumer.stop()


async def test_a_test_gets_an_empty_database_of_its_own(database_url: str) -> None:
    tables = await query(database_url, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
    assert tables == 0


async def test_nothing_weakens_the_durability_of_the_books(database_url: str) -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await query(database_url, f"SHOW {setting}") == "on"


async def test_records_of_several_megabytes_pass(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}large"
    await create_topic(kafka_bootstrap, topic)
    value = bytes(6 * 1024 * 1024)
    await produce(kafka_bootstrap, topic, value)
    assert await first_value(kafka_bootstrap, topic) == value


async def test_topics_are_never_made_by_accident(kafka_bootstrap: str, topic_prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        await admin.describe_topics([f"{topic_prefix}nobody-made-me"])
        assert f"{topic_prefix}nobody-made-me" not in await admin.list_topics()
    finally:
        await admin.close()


@pytest.mark.slow
async def test_data_survives_a_crash_and_a_clean_restart(private_stack: Callable[[], Stack]) -> None:
    stack = private_stack()
    stack.start_infrastructure()
    bootstrap, url = stack.bootstrap, stack.database_url
    await query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    await create_topic(bootstrap, "kept")
    await produce(bootstrap, "kept", b"42")

    for name in ("postgres", "kafka"):
        stack.kill(name)
        assert name not in [status.name for status in stack.status()]
        stack.start(name)
    assert (stack.bootstrap, stack.database_url) == (bootstrap, url)
    assert await query(url, "SELECT answer FROM kept") == 42
    assert await first_value(bootstrap, "kept") == b"42"

    found = Stack.load(stack.data_dir)
    with Stack(stack.data_dir) as second, pytest.raises(AlreadyRunning):
        second.start_infrastructure()
    assert found.status() == Stack.load(stack.data_dir).status(), "the refused one left the first alone"
    assert found.stop(), "a clean stop needs no force"
    with pytest.raises(NotRunning):
        Stack.load(stack.data_dir)

    again = Stack(stack.data_dir)
    again.start_infrastructure()
    try:
        assert await query(again.database_url, "SELECT answer FROM kept") == 42
        assert await first_value(again.bootstrap, "kept") == b"42"
    finally:
        again.stop()


def test_every_service_is_told_where_everything_is(tmp_path: Path) -> None:
    with Stack(tmp_path, service_command=fake_command, topic_prefix="t1.") as stack:
        stack.start_services()
        told = httpx.get(f"{stack.url('ledger')}/env").json()
        assert told["APPORTION_TOPIC_PREFIX"] == "t1."
        assert told["APPORTION_DATABASE_URL"] == stack.database_url
        assert told["APPORTION_DATA_DIR"] == str(tmp_path / "ledger")
        assert all(told[f"APPORTION_{name.upper()}_URL"] == stack.url(name) for name in SERVICES)
    assert Stack(tmp_path).status() == []


def test_a_second_instance_runs_beside_the_first_and_either_can_be_killed(tmp_path: Path) -> None:
    with Stack(tmp_path, service_command=fake_command) as stack:
        stack.start_services(["allocator"])
        second = stack.start("allocator", instance=2)
        assert second == "allocator-2"
        assert stack.url(second) != stack.url("allocator")
        stack.kill("allocator")
        assert [status.name for status in Stack.load(tmp_path).status()] == ["allocator-2"]
        url = stack.url("allocator")
        stack.start("allocator")
        assert stack.url("allocator") == url


@pytest.mark.parametrize(
    ("behaviour", "error", "reason"),
    [("broken", ProcessDied, "no such rule file"), ("slow", ProcessNotReady, "503 waiting for partitions")],
)
def test_a_service_that_does_not_come_up_is_named_with_its_reason(
    tmp_path: Path, behaviour: str, error: type[LocalStackError], reason: str
) -> None:
    with Stack(tmp_path, service_command=fake_command) as stack:
        stack.start_services(["intake"])
        with pytest.raises(error, match=rf"(?s)chargeback.*{reason}"):
            stack.start_services(["chargeback"], env={"FAKE_SERVICE": behaviour}, timeout_s=3)
    assert Stack(tmp_path).status() == []

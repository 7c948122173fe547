"""A running view of the allocations topic: who owes what right now, kept in one SQLite file.

An example for platform teams. It needs the Python package aiokafka and nothing of Apportion:

    python view.py --bootstrap localhost:9092 --db view.sqlite            # follow, print when something changes
    python view.py --bootstrap localhost:9092 --db view.sqlite --once     # read up to the end, print, stop

How it stays exact although Kafka delivers at least once:

- a line counts by its `allocation_id`; a record with the same or a lower `revision` than the known one changes nothing;
- a `withdrawn` line is gone, but its revision is remembered;
- lines and the positions they came from are written in one transaction, and the positions are where reading goes on
  after a crash. Kafka's own committed offsets are not used;
- amounts are decimal strings and are added as `Decimal`, never as floats.

A month is whole when the sums agree with the newest record of `finops.allocation-runs.v1`; until then it is a preview
in motion.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
from collections import defaultdict
from decimal import Decimal

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
    allocation_id TEXT PRIMARY KEY, revision INTEGER NOT NULL, live INTEGER NOT NULL, billing_period TEXT NOT NULL,
    currency TEXT NOT NULL, cost_center TEXT NOT NULL, kind TEXT NOT NULL, billed_cost TEXT NOT NULL,
    effective_cost TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)
);
"""
UPSERT = """
INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (allocation_id) DO UPDATE SET
    revision = excluded.revision, live = excluded.live, billed_cost = excluded.billed_cost,
    effective_cost = excluded.effective_cost
WHERE excluded.revision > lines.revision
"""


def line_of(record: ConsumerRecord[bytes, bytes]) -> tuple[object, ...]:
    """A record's line as a row of the view."""
    line = json.loads(record.value, parse_float=Decimal)
    return (
        line["allocation_id"], line["revision"], not line.get("withdrawn", False), line["billing_period"],
        line["currency"], line["cost_center"], line["kind"], line["billed_cost"], line["effective_cost"],
    )  # fmt: skip


def apply(view: sqlite3.Connection, place: TopicPartition, records: list[ConsumerRecord[bytes, bytes]]) -> None:
    """Take a batch in: its lines and the position after it, or nothing of it."""
    with view:
        view.executemany(UPSERT, map(line_of, records))
        position = (place.topic, place.partition, records[-1].offset + 1)
        view.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", position)


def totals(view: sqlite3.Connection) -> list[tuple[str, str, str, Decimal]]:
    """Effective cost by billing period, currency and cost center."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for *key, amount in view.execute(
        "SELECT billing_period, currency, cost_center, effective_cost FROM lines WHERE live ORDER BY 1, 2, 3"
    ):
        sums[key[0], key[1], key[2]] += Decimal(amount)
    return [(*key, amount) for key, amount in sums.items()]


async def follow(bootstrap: str, topic: str, view: sqlite3.Connection, *, once: bool) -> None:
    """Read the topic from where the view stands; print the view whenever the end is reached with news."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None)
    await consumer.start()
    try:
        places = sorted(consumer.assignment())
        if not places:
            sys.exit(f"there is no topic {topic}")
        for place in places:
            query = "SELECT next FROM positions WHERE topic = ? AND partition = ?"
            known = view.execute(query, (place.topic, place.partition)).fetchone()
            if known is None:
                await consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, known[0])
        news = True
        while True:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                apply(view, place, records)
                news = True
            if news and await at_the_end(consumer, places):
                show(view)
                news = False
                if once:
                    return
    finally:
        await consumer.stop()


async def at_the_end(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> bool:
    """Whether everything that is on the topic now is read."""
    ends = await consumer.end_offsets(places)
    return all([await consumer.position(place) >= ends[place] for place in places])


def show(view: sqlite3.Connection) -> None:
    """Print the view."""
    for period, currency, cost_center, amount in totals(view):
        sys.stdout.write(f"{period} {cost_center} {amount:f} {currency}\n")
    sys.stdout.flush()


def main() -> None:
    """Read the options and go."""
    parser = argparse.ArgumentParser(description="A running view of the allocations topic in one SQLite file.")
    parser.add_argument("--bootstrap", required=True, help="host:port of Kafka")
    parser.add_argument("--topic", default="finops.allocations.v1")
    parser.add_argument("--db", default="view.sqlite", help="the SQLite file")
    parser.add_argument("--once", action="store_true", help="stop at the end of the topic")
    options = parser.parse_args()
    view = sqlite3.connect(options.db)
    view.executescript(SCHEMA)
    asyncio.run(follow(options.bootstrap, options.topic, view, once=options.once))


if __name__ == "__main__":
    main()

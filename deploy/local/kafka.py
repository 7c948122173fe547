"""A real Kafka broker without containers: the official jars, one process that is broker and controller."""

import asyncio
import base64
import contextlib
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local import doctor, jars, ports
from deploy.local.errors import CommandFailed, ProcessDied, ProcessNotReady
from deploy.local.process import Process, ProcessId, tail_of
from deploy.local.takeover import Takeover

_LOG4J = Path(__file__).with_name("kafka-log4j2.xml")
_POLL_S = 0.03
_PORT_TRIES_MAX = 3
_NODE = 1
# Measured on 2 cores: the small compiler alone and the serial collector start in half the time of the defaults and
# carry as much traffic, because a broker moves bytes and computes little, and leaves the second core to the services.
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true", "-Dlog4j2.disableJmx=true")

_SETTINGS = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={node}@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A machine that stands still for longer than the session (9 s by default) takes the leaders from all partitions.
broker.session.timeout.ms=60000
# How soon the broker asks again when it is refused, and learns that it may serve.
broker.heartbeat.interval.ms=500
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
socket.send.buffer.bytes=1048576
socket.receive.buffer.bytes=1048576
num.network.threads=2
num.io.threads=4
# Keep everything unless a topic says otherwise: sample data is older than the default of a week.
log.retention.ms=-1
# The default buffer of 128 MB is a quarter of our heap.
log.cleaner.dedupe.buffer.size=16777216
"""


class EmbeddedKafka:
    """One broker on loopback with its data in `data_dir/kafka`; it outlives this program unless it is stopped.

    Ports are chosen at the first start and kept by later starts of the same object, so that clients find it again.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        controller_port: int | None = None,
        heap_mb: int = 512,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data_dir = data_dir
        self.port, self.controller_port = port, controller_port
        self.log = data_dir / "logs" / "kafka.log"
        self.process: Process | None = None
        self._heap_mb = heap_mb
        self._progress = progress

    @classmethod
    def attach(cls, data_dir: Path, identity: ProcessId, port: int, controller_port: int) -> "EmbeddedKafka":
        """The handle of a broker that an earlier program started."""
        broker = cls(data_dir, port=port, controller_port=controller_port)
        broker.process = Process(identity)
        return broker

    @property
    def bootstrap(self) -> str:
        """What clients call `bootstrap_servers`."""
        return f"{ports.LOOPBACK}:{self.port}"

    def alive(self) -> bool:
        """The process exists; whether it answers is known at the end of `start` only."""
        return self.process is not None and self.process.alive()

    def start(self, timeout_s: float = 60) -> None:
        """Return when the broker answers a metadata request. Raises a `LocalStackError` that says why it can't."""
        if self.alive():
            return
        java = doctor.java()
        classes = jars.ensure_jars(self._progress)
        doctor.writable_directory(self.data_dir / "kafka")
        fixed = self.port is not None
        for attempt in range(1, _PORT_TRIES_MAX + 1):
            self.port = ports.claim(self.port, "Kafka")
            self.controller_port = ports.claim(self.controller_port, "Kafka's controller")
            settings = self._write_settings()
            self._format(java, classes, settings)
            takeover = Takeover(self.log, self.controller_port, _NODE)
            self.process = Process.spawn(
                self._command(java, classes, "kafka.Kafka", str(settings), heap_mb=self._heap_mb, train=True),
                log=self.log,
            )
            try:
                self._wait(self.process, takeover, timeout_s)
            except ProcessDied as died:
                # Someone took a port between our look and the broker's bind.
                if fixed or attempt == _PORT_TRIES_MAX or "Address already in use" not in died.tail:
                    raise
                self.port = self.controller_port = None
            else:
                return

    def stop(self, timeout_s: float = 30) -> bool:
        """A clean stop: logs are closed, the next start needs no recovery. False when it had to be forced."""
        if self.process is None:
            return True
        clean = self.process.stop(timeout_s)
        self.process = None
        self._keep_class_archive()
        return clean

    def kill(self) -> None:
        """SIGKILL, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    # ---------------------------------------------------------------- steps of a start

    def _write_settings(self) -> Path:
        path = self.data_dir / "kafka" / "server.properties"
        path.write_text(
            _SETTINGS.format(
                node=_NODE,
                port=self.port,
                controller_port=self.controller_port,
                log_dir=self.data_dir.resolve() / "kafka" / "topics",
            )
        )
        return path

    def _format(self, java: doctor.Java, classes: Path, settings: Path) -> None:
        if (self.data_dir / "kafka" / "topics" / "meta.properties").exists():
            return
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        command = self._command(
            java, classes, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(settings)
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CommandFailed("Kafka's storage format", done.returncode, done.stdout + done.stderr)

    def _command(
        self, java: doctor.Java, classes: Path, main: str, *arguments: str, heap_mb: int = 128, train: bool = False
    ) -> list[str]:
        command = [str(java.path), f"-Xmx{heap_mb}m", *_JVM, f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}"]
        archive = _class_archive(java)
        if archive.exists():
            command += [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds=off", "-Xlog:class+path=off"]
        elif train:
            command += [f"-XX:ArchiveClassesAtExit={self._trained()}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        return [*command, "-cp", f"{classes}/*", main, *arguments]

    def _wait(self, process: Process, takeover: Takeover, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        port = self.port or 0
        while not (ports.answers(port) and _in_a_loop_of_its_own(_answers_metadata(self.bootstrap))):
            if not process.alive():
                raise ProcessDied("Kafka", process.exit_code(), self.log, tail_of(self.log))
            if time.monotonic() > deadline:
                self.kill()
                raise ProcessNotReady(
                    "Kafka", timeout_s, "no answer to a metadata request", self.log, tail_of(self.log)
                )
            takeover.help()
            time.sleep(_POLL_S)

    # ---------------------------------------------------------------- class archive

    def _trained(self) -> Path:
        return self.data_dir / "kafka" / "classes.jsa"

    def _keep_class_archive(self) -> None:
        """Share what the JVM learnt on its first clean stop: later starts take half the time."""
        trained = self._trained()
        if not trained.exists():
            return
        with contextlib.suppress(OSError):
            target = _class_archive(doctor.java())
            unfinished = target.with_name(f"{target.name}.{os.getpid()}")
            shutil.move(trained, unfinished)
            unfinished.rename(target)


def _class_archive(java: doctor.Java) -> Path:
    """One per Java version; the JVM itself checks the rest and ignores an archive that doesn't fit."""
    return jars.cache_dir() / f"classes-{java.version}.jsa"


async def _answers_metadata(bootstrap: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await client.start()
        await client.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await client.close()
    return True


def _in_a_loop_of_its_own(question: Coroutine[Any, Any, bool]) -> bool:
    """In a thread, because our caller may be inside a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, question).result()

"""The whole system on one machine: Kafka, PostgreSQL and the services, started, watched and stopped together.

    with Stack(data_dir) as stack:
        stack.start_infrastructure()      # then migrate the database and create the topics
        stack.start_services(SERVICES)

What was started outlives this program unless `stop` is called (a `with` block calls it); `Stack.load` finds it again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import doctor, ports, state
from deploy.local.errors import AlreadyRunning, NotRunning
from deploy.local.kafka import EmbeddedKafka
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Process
from deploy.local.services import (
    SERVICES,
    Launcher,
    ServiceProcess,
    instance_name,
    module_command,
    url_of,
    wait_until_ready,
)

KAFKA, POSTGRES = "kafka", "postgres"
_STOP_S = 30.0


@dataclass(frozen=True)
class Status:
    """One line of `apportion status`."""

    name: str
    running: bool
    pid: int
    address: str
    log: Path


class Stack:
    """The processes of one data directory. Not for use from several threads at once."""

    def __init__(
        self,
        data_dir: Path,
        *,
        topic_prefix: str = "",
        database: str = "apportion",
        kafka_port: int | None = None,
        service_ports: Mapping[str, int] | None = None,
        progress: Callable[[str], None] = lambda _: None,
        service_command: Callable[[str], Sequence[str]] = module_command,
    ) -> None:
        self.data_dir = doctor.writable_directory(data_dir)
        self.topic_prefix = topic_prefix
        self.database = database
        self.kafka = EmbeddedKafka(self.data_dir, port=kafka_port, progress=progress)
        self.postgres = EmbeddedPostgres(self.data_dir)
        self.services: dict[str, ServiceProcess] = {}
        self._ports: dict[str, int] = dict(service_ports or {})
        self._fixed_ports = frozenset(self._ports)
        self._progress = progress
        self._launcher = Launcher(self.data_dir, service_command)

    @classmethod
    def load(cls, data_dir: Path, progress: Callable[[str], None] = lambda _: None) -> "Stack":
        """The stack that an earlier program started here. Raises NotRunning where there is none."""
        known = state.read(data_dir)
        if known is None:
            raise NotRunning(data_dir)
        stack = cls(data_dir, topic_prefix=known.topic_prefix, progress=progress)
        if known.kafka:
            found = known.kafka
            stack.kafka = EmbeddedKafka.attach(stack.data_dir, found.process, found.port, found.controller_port)
        if known.postgres:
            stack.database = known.postgres.database
            stack.postgres = EmbeddedPostgres.attach(stack.data_dir, known.postgres.process)
        for one in known.services:
            name = instance_name(one.service, one.instance)
            log = stack.data_dir / "logs" / f"{name}.log"
            stack.services[name] = ServiceProcess(one.service, one.instance, one.port, log, Process(one.process))
            stack._ports[name] = one.port
        return stack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---------------------------------------------------------------- addresses

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka.bootstrap

    @property
    def database_url(self) -> str:
        """The services' database, for SQLAlchemy with asyncpg."""
        return self.postgres.url(self.database)

    def url(self, service: str) -> str:
        """The HTTP address of a service; known before it starts, so that services can be told of each other."""
        return url_of(self._port(service))

    def environment(self) -> dict[str, str]:
        """What every service, and every command that works on this stack, needs in its environment."""
        env = {"APPORTION_KAFKA_BOOTSTRAP": self.bootstrap, "APPORTION_DATABASE_URL": self.database_url}
        if self.topic_prefix:
            env["APPORTION_TOPIC_PREFIX"] = self.topic_prefix
        return env | {f"APPORTION_{service.upper()}_URL": self.url(service) for service in SERVICES}

    def status(self) -> list[Status]:
        """What was started, and whether it still runs."""
        found = [
            Status(one.name, one.process.alive(), one.process.pid, one.url, one.log) for one in self.services.values()
        ]
        if self.postgres.process:
            process = self.postgres.process
            found.insert(0, Status(POSTGRES, process.alive(), process.pid, self.database_url, self.postgres.log))
        if self.kafka.process:
            process = self.kafka.process
            found.insert(0, Status(KAFKA, process.alive(), process.pid, self.bootstrap, self.kafka.log))
        return found

    # ---------------------------------------------------------------- start

    def start_infrastructure(self, timeout_s: float = 60) -> None:
        """Kafka and PostgreSQL, both at once, and an empty database unless it is there already."""
        self._refuse_a_second_stack()
        self._progress("starting Kafka and PostgreSQL")
        with ThreadPoolExecutor(max_workers=2) as pool:
            starts = [pool.submit(part.start, timeout_s) for part in (self.kafka, self.postgres)]
        self._save()
        for start in starts:
            start.result()
        self.postgres.ensure_database(self.database)

    def start_services(
        self, names: Iterable[str] = SERVICES, *, env: Mapping[str, str] | None = None, timeout_s: float = 60
    ) -> None:
        """Start all at once and wait until all are ready. After an error the others still run: `stop` ends them."""
        wanted = list(names)
        self._progress(f"starting {', '.join(wanted)}")
        started = [self._launch(name, 1, env) for name in wanted]
        self._wait(started, timeout_s)

    def start(
        self, name: str, *, instance: int = 1, env: Mapping[str, str] | None = None, timeout_s: float = 60
    ) -> str:
        """Start one part, `kafka` and `postgres` included, or a further instance of a service. Returns its name."""
        if name in (KAFKA, POSTGRES):
            (self.kafka if name == KAFKA else self.postgres).start(timeout_s)
            self._save()
            return name
        one = self._launch(name, instance, env)
        self._wait([one], timeout_s)
        return one.name

    # ---------------------------------------------------------------- end

    def kill(self, name: str) -> None:
        """SIGKILL one part, as a crash does. `start` brings it back on the same port and data."""
        if name in (KAFKA, POSTGRES):
            (self.kafka if name == KAFKA else self.postgres).kill()
        else:
            self._running(name).process.kill()
            del self.services[name]
        self._save()

    def stop_service(self, name: str, timeout_s: float = _STOP_S) -> bool:
        """Ask one instance to end; False when it had to be forced."""
        clean = self._running(name).process.stop(timeout_s)
        del self.services[name]
        self._save()
        return clean

    def stop(self, timeout_s: float = _STOP_S) -> bool:
        """The services, then what they need. True when nothing had to be forced."""
        if not self.status():
            # Nothing of ours: the state file may be that of another program's stack, which must stay findable.
            return True
        self._progress("stopping")
        clean = True
        for stops in ([one.process.stop for one in self.services.values()], [self.kafka.stop, self.postgres.stop]):
            with ThreadPoolExecutor() as pool:
                clean = all(pool.map(lambda stop: stop(timeout_s), stops)) and clean
        self.services.clear()
        self._save()
        return clean

    # ---------------------------------------------------------------- steps

    def _launch(self, service: str, instance: int, env: Mapping[str, str] | None) -> ServiceProcess:
        name = instance_name(service, instance)
        if name in self.services and self.services[name].process.alive():
            raise AlreadyRunning(self.data_dir, name, self.services[name].process.pid)
        port = self._port(name)
        if name in self._fixed_ports:
            ports.claim(port, name)
        one = self._launcher.launch(service, instance, port, {**self.environment(), **(env or {})})
        self.services[name] = one
        self._save()
        return one

    def _wait(self, started: Sequence[ServiceProcess], timeout_s: float) -> None:
        wait_until_ready(started, timeout_s)
        for one in started:
            self._progress(f"{one.name} is ready at {one.url}")

    def _port(self, name: str) -> int:
        while name not in self._ports:
            port = ports.free_port()
            # Free now, but promised to a service that isn't there yet.
            if port not in self._ports.values():
                self._ports[name] = port
        return self._ports[name]

    def _running(self, name: str) -> ServiceProcess:
        if name not in self.services:
            raise NotRunning(self.data_dir, name)
        return self.services[name]

    def _refuse_a_second_stack(self) -> None:
        known = state.read(self.data_dir)
        mine = {one.pid for one in self.status()}
        for name, identity in state.processes(known) if known else ():
            if identity.pid not in mine and Process(identity).alive():
                raise AlreadyRunning(self.data_dir, name, identity.pid)

    def _save(self) -> None:
        kafka, postgres = self.kafka.process, self.postgres.process
        broker = (
            state.KafkaState(kafka.identity, self.kafka.port or 0, self.kafka.controller_port or 0) if kafka else None
        )
        server = state.PostgresState(postgres.identity, self.database) if postgres else None
        services = tuple(
            state.ServiceState(one.service, one.instance, one.process.identity, one.port)
            for one in self.services.values()
        )
        state.write(self.data_dir, state.StackState(broker, server, services, self.topic_prefix))

"""A real S3 server without containers: S3Proxy, from its package, over a folder."""

from __future__ import annotations

import time
from pathlib import Path

from deploy.local import doctor, jars, ports
from deploy.local.process import Process, tail_of

VERSION = "2.6.0"
IDENTITY, SECRET = "test-identity", "test-secret-that-no-message-repeats"
_POM = Path(__file__).with_name("s3proxy-pom.xml")
_JVM = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LOGBACK = """<configuration><appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%d %level %logger{0} %msg%n</pattern></encoder></appender>
<root level="warn"><appender-ref ref="OUT"/></root></configuration>"""
_READY_S_MAX = 60
_STOPPED_S_MAX = 5


class S3Server:
    """Buckets are folders of `directory/buckets`."""

    def __init__(self, directory: Path) -> None:
        self.buckets = directory / "buckets"
        self.buckets.mkdir(parents=True)
        self._directory, self._log = directory, directory / "s3.log"
        self.port = ports.free_port()
        self._process: Process | None = None

    def environment(self) -> dict[str, str]:
        """What AWS's own tools need to find it and be let in."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", "AWS_ACCESS_KEY_ID": IDENTITY,
            "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1",
            # What AWS has checked by default since 2025 is newer than this server.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }  # fmt: skip

    def start(self) -> None:
        """Return when it answers."""
        classes = jars.ensure(jars.cache_dir(f"s3proxy-{VERSION}"), _POM, f"s3proxy-{VERSION}.jar")
        settings, logback = self._directory / "s3proxy.conf", self._directory / "logback.xml"
        logback.write_text(_LOGBACK)
        settings.write_text(
            f"s3proxy.authorization=aws-v4\ns3proxy.endpoint=http://127.0.0.1:{self.port}\n"
            f"s3proxy.identity={IDENTITY}\ns3proxy.credential={SECRET}\njclouds.provider=filesystem-nio2\n"
            f"jclouds.identity=none\njclouds.credential=none\njclouds.filesystem.basedir={self.buckets}\n"
        )
        command = [str(doctor.java().path), *_JVM, f"-Dlogback.configurationFile={logback}", "-cp", f"{classes}/*"]
        self._process = Process.spawn([*command, "org.gaul.s3proxy.Main", "--properties", str(settings)], log=self._log)
        deadline = time.monotonic() + _READY_S_MAX
        while not ports.answers(self.port):
            assert self._process.alive(), tail_of(self._log)
            assert time.monotonic() < deadline, tail_of(self._log)
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.stop(_STOPPED_S_MAX)

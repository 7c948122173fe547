"""Settings of intake: environment variables with the prefix `APPORTION_`."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """What intake needs besides Kafka and PostgreSQL. Its archive and its spool live in `APPORTION_DATA_DIR`."""

    intake_http_port: int = Field(8081, ge=1, le=65535, description="Port of intake's HTTP server")
    intake_read_threads: int = Field(2, ge=1, le=32, description="Threads that parse and normalise one file")

"""Settings of the allocator: environment variables with the prefix `APPORTION_`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings


class AllocatorSettings(ServiceSettings):
    """What the allocator needs besides Kafka and PostgreSQL."""

    allocator_http_port: int = Field(8082, ge=1, le=65535, description="Port of the allocator's HTTP server")
    allocator_batch_events: int = Field(
        10_000,
        ge=100,
        le=200_000,
        description="Cost events of one transaction at most; more is faster and takes memory",
    )
    allocator_archive_dir: Path | None = Field(
        None,
        description="Intake's archive of costs, if this process can read it: for provider rows, changes and savings",
    )

"""Settings that every service has; each service adds its own in `services/<name>/settings.py`.

Twelve-factor: environment variables with the prefix `APPORTION_`, validated once at start, all errors at once.
"""

from __future__ import annotations

import socket
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Where Kafka and PostgreSQL are, and how the process presents itself."""

    model_config = SettingsConfigDict(env_prefix="APPORTION_", extra="ignore", frozen=True)

    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="Kafka brokers, host:port[,host:port...]")
    database_url: SecretStr = Field(
        default=SecretStr("postgresql+asyncpg://apportion@127.0.0.1:5432/apportion"),
        description="PostgreSQL by asyncpg: postgresql+asyncpg://user:password@host:port/database",
    )
    topic_prefix: str = Field(default="", description="Put before every topic and consumer group, to share a cluster")
    data_dir: Path = Field(default=Path("data"), description="Directory that this service alone writes to")
    files_dir: Path = Field(default=Path("files"), description="Directory where invoices and books are published")
    http_host: str = Field(default="127.0.0.1", description="Address that the HTTP server binds to")
    instance: str = Field(
        default_factory=socket.gethostname,
        description="Name of this process among those of its service; a restart under it gets its partitions back",
    )
    session_timeout_ms: int = Field(
        default=45_000, ge=6_000, description="How long a silent process keeps its partitions, milliseconds"
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    def topic(self, name: str) -> str:
        """The name of a topic on this cluster."""
        return self.topic_prefix + name


class ServiceUrls(BaseSettings):
    """Where the services answer; the command line talks to these."""

    model_config = SettingsConfigDict(env_prefix="APPORTION_", extra="ignore", frozen=True)

    intake_url: str = Field(default="http://127.0.0.1:8081", description="Base URL of intake")
    allocator_url: str = Field(default="http://127.0.0.1:8082", description="Base URL of the allocator")
    chargeback_url: str = Field(default="http://127.0.0.1:8083", description="Base URL of chargeback")
    ledger_url: str = Field(default="http://127.0.0.1:8084", description="Base URL of the ledger")

"""Settings of chargeback: environment variables with the prefix `APPORTION_`."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ServiceSettings


class ChargebackSettings(ServiceSettings):
    """What chargeback needs besides Kafka, PostgreSQL and where to publish files."""

    chargeback_http_port: int = Field(8083, ge=1, le=65535, description="Port of chargeback's HTTP server")
    chargeback_issuer: str = Field(
        "IC", pattern="^[A-Z][A-Z0-9]{0,3}$", description="Issuer code that document numbers begin with: IC-2026-000001"
    )
    chargeback_file_workers: int = Field(2, ge=1, le=64, description="Processes that write invoice files")

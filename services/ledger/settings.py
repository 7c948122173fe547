"""Settings of the ledger: environment variables with the prefix `APPORTION_`."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ServiceSettings


class LedgerSettings(ServiceSettings):
    """What the ledger needs besides Kafka, PostgreSQL and where to publish books."""

    ledger_http_port: int = Field(8084, ge=1, le=65535, description="Port of the ledger's HTTP server")
    ledger_poll_seconds: float = Field(
        0.2, gt=0, le=60, description="How often a close under way looks for what it awaits"
    )
    ledger_patience_seconds: float = Field(
        30, gt=0, description="After this long a close logs what it waits for, and again each time as long"
    )
    ledger_mismatch_seconds: float = Field(
        300, gt=0, description="A run whose lines still differ from its control totals after this long blocks the close"
    )

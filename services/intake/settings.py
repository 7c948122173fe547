"""Settings of intake: environment variables with the prefix `APPORTION_`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from services.intake.domain.holding import checked_limit
from shared.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """What intake needs besides Kafka and PostgreSQL. Its archive and its spool live in `APPORTION_DATA_DIR`."""

    intake_http_port: int = Field(8081, ge=1, le=65535, description="Port of intake's HTTP server")
    intake_read_threads: int = Field(2, ge=1, le=32, description="Threads that parse and normalise one file")
    intake_reject_limit: Annotated[str, AfterValidator(checked_limit)] = Field(
        "1%", description="Rows (10) or share of the rows (0.5%) that may be rejected before a delivery is held"
    )
    intake_shrink_share: Decimal = Field(
        Decimal("0.5"), ge=0, le=1,
        description="Share of the rows or of the absolute cost in force that may vanish before a delivery is held",
    )  # fmt: skip

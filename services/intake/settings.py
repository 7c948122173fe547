"""Settings of intake: environment variables with the prefix `APPORTION_`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from services.intake.domain.holding import checked_limit
from services.intake.domain.tags import Normalisation
from services.intake.tag_rules import TagRulesInvalid, load_tag_rules
from shared.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """What intake needs besides Kafka and PostgreSQL. Its archive and its spool live in `APPORTION_DATA_DIR`."""

    intake_http_port: int = Field(default=8081, ge=1, le=65535, description="Port of intake's HTTP server")
    intake_read_threads: int = Field(
        default=2, ge=1, le=32, description="Threads that parse and normalise one file, of Parquet one fewer"
    )
    intake_reject_limit: Annotated[str, AfterValidator(checked_limit)] = Field(
        default="1%", description="Rows (10) or share of the rows (0.5%) that may be rejected before a delivery is held"
    )
    intake_shrink_share: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1,
        description="Share of the rows or of the absolute cost in force that may vanish before a delivery is held",
    )  # fmt: skip
    intake_tag_rules: Path | None = Field(
        default=None,
        description="YAML file that says how tags are normalised; read at start, checked by `intake tags check`",
    )

    @field_validator("intake_tag_rules")
    @classmethod
    def _check_tag_rules(cls, path: Path | None) -> Path | None:
        try:
            _load(path)
        except TagRulesInvalid as error:
            raise ValueError(str(error)) from None
        return path

    @property
    def tag_rules(self) -> tuple[Normalisation, ...]:
        """The normalisations of the file; none without one."""
        return _load(self.intake_tag_rules)


def _load(path: Path | None) -> tuple[Normalisation, ...]:
    return () if path is None else load_tag_rules(path)

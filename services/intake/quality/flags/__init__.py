"""Flags: what a row that was accepted should make a person look twice at. Each flag is a mask over a chunk of rows."""

from services.intake.quality.flags.combining import flags_column, source_bits
from services.intake.quality.flags.examples import Examples

__all__ = ["Examples", "flags_column", "source_bits"]

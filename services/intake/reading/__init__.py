"""From the bytes of a FOCUS file to normalised rows, column by column and in flat memory."""

from services.intake.reading.errors import IntakeRefusal, OtherDataset
from services.intake.reading.raw import FileFacts, check_file
from services.intake.reading.recognising import is_cost_and_usage

__all__ = ["FileFacts", "IntakeRefusal", "OtherDataset", "check_file", "is_cost_and_usage"]

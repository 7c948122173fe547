"""Direct costs: the body of a request becomes a file of FOCUS rows, or all that is wrong with it."""

from services.intake.direct.body import BodyRefused, Problem, read_body
from services.intake.direct.rows import complete, write_file
from services.intake.direct.schema import REQUEST_BODY

__all__ = ["REQUEST_BODY", "BodyRefused", "Problem", "complete", "read_body", "write_file"]

"""The rules of FOCUS over sums that its validator skips, each as a query over a delivery's rows."""

from services.intake.quality.sums.base import KnownInvoice, SumDifference, SumRule, add_up
from services.intake.quality.sums.rules import check_sums

__all__ = ["KnownInvoice", "SumDifference", "SumRule", "add_up", "check_sums"]

"""A small month that closes: two issuers, two cost centers, suspense, a second currency, one retraction."""

from decimal import Decimal

from services.ledger.domain.facts import AllocationTotal, CostTotal, DeliveryFact, Document, Month, ProviderInvoice

D = Decimal
AWS = "Amazon Web Services, Inc."


def month(**changes: object) -> Month:
    """The month, with some of its facts replaced."""
    facts: dict[str, object] = {
        "billing_period": "2026-01",
        "deliveries": (DeliveryFact("d2", "aws", 2), DeliveryFact("d1", "aws", 1)),
        "costs": (
            CostTotal("d1", "USD", AWS, "INV-1", 100, D("90.123456789012345678"), D("80.1")),
            CostTotal("d2", "USD", AWS, "INV-1", -1, D("-0.1"), D("-0.1")),
            CostTotal("d1", "USD", "Microsoft", None, 10, D("10.005"), D("10.005")),
            CostTotal("d1", "JPY", "Microsoft", None, 3, D("1000"), D("1200")),
        ),
        "provider_invoices": (
            ProviderInvoice(AWS, "INV-1", "USD", D("90.02"), "Issued"),
            ProviderInvoice("Microsoft", "M-1", "USD", D("10.01"), "Issued"),
            ProviderInvoice("Microsoft", "M-2", "JPY", D("1000"), "Issued"),
        ),
        "basis": "EffectiveCost",
        "rule_version": "abc",
        "allocations": (
            AllocationTotal("USD", "CC-100", "direct", AWS, "INV-1", 2, D("50.023456789012345678"), D("40.001")),
            AllocationTotal("USD", "cc 200/ä", "shared", AWS, "INV-1", 2, D("39"), D("38.999")),
            AllocationTotal("USD", "SUSPENSE", "suspense", AWS, "INV-1", 2, D("1"), D("1")),
            AllocationTotal("USD", "CC-100", "direct", "Microsoft", None, 1, D("10.005"), D("10.005")),
            AllocationTotal("JPY", "CC-100", "direct", "Microsoft", None, 1, D("1000"), D("1200")),
        ),
        "documents": (
            Document("IC-2026-000001", "JPY", "CC-100", D("1200"), D("1200"), D("0")),
            Document("IC-2026-000002", "USD", "CC-100", D("50.01"), D("50.006"), D("0.004")),
            Document("IC-2026-000003", "USD", "cc 200/ä", D("39.00"), D("38.999"), D("0.001")),
        ),
    }
    return Month(**(facts | changes))  # type: ignore[arg-type]

"""An invoice as a person reads it in a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from services.chargeback.terminal import invoice_view
from tests.unit.chargeback.builders import direct, issued_invoice, origin, shared


def test_a_line_answers_why_this_amount() -> None:
    invoice = issued_invoice([direct("a", "402.04", origin("[red]Compute", "1234")), shared("s", "10.031")])
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(invoice_view(invoice))
    shown = console.export_text()
    for words in (
        "Internal invoice IC-2026-000001 (issued)", "[red]Compute (Usage)", "1234",
        "support > platform, weighted, 3 of 4", "10.031", "412.07 USD", "rounding", "-0.001", "400.00",
    ):  # fmt: skip
        assert words in shown

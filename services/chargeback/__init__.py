"""Chargeback: turns allocations into internal invoices that people approve and systems read."""

"""The ledger: reads everything for itself, and closes a month only when it adds up."""

"""SQL of chargeback: what it was told (inputs), what it owes people (invoices), in PostgreSQL schema `chargeback`."""

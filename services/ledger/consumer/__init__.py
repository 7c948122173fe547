"""Kafka in: one batch of bytes, one transaction. `shared.stream` numbers its steps."""

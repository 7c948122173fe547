"""Tests: unit/ and property/ need nothing running; integration/, faults/ and e2e/ use a real Kafka and PostgreSQL."""

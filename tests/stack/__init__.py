"""A real Kafka and PostgreSQL for tests. Fixtures are in tests/conftest.py; this folder is what they are made of."""

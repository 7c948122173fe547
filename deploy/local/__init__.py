"""Kafka, PostgreSQL and the services as plain processes of one machine: for trying Apportion out, and for its tests."""

from deploy.local.errors import LocalStackError
from deploy.local.kafka import EmbeddedKafka
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.services import SERVICES
from deploy.local.stack import Stack, Status

__all__ = ["SERVICES", "EmbeddedKafka", "EmbeddedPostgres", "LocalStackError", "Stack", "Status"]

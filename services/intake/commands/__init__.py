"""`apportion intake ...`: looking at deliveries and deciding about them. Thin HTTP clients."""

from services.intake.commands.group import intake

__all__ = ["intake"]

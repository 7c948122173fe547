"""Intake: FOCUS files in, an exact and gap-free stream of signed cost events out."""

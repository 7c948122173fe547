"""Adjustments: what arrives for a closed billing period is allocated as differences, by the rules of its time."""

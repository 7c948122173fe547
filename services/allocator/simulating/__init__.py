"""Simulations: what a rule set would have done to a month, before anybody signs it."""

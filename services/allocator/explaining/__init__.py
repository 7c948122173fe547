"""Explanations: how a line came to its amount, down to the provider's rows."""

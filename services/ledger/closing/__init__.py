"""Closing a month: request, checks, the others' hand-overs, posting, books."""

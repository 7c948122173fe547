"""The ledger's tables and the only SQL that touches them, one module per aggregate.

Every function takes the caller's connection: the caller owns the transaction.
"""

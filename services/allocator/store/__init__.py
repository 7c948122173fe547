"""The allocator's tables and the statements on them."""

"""The allocator: assigns direct cost, splits shared cost, publishes allocations."""

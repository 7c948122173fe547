"""The allocator's commands beyond rule sets and allocations."""

"""The allocator's commands, one module for each group of them."""

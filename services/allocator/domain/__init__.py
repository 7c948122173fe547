"""The allocator's pure core: rule sets, buckets, and the function from one to the other."""

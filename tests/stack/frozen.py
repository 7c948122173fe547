"""Imported last by the process that forks: what is there lives as long as it does, so nobody looks through it again."""

import gc

gc.collect()
gc.freeze()

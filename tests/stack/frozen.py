"""Imported last by the process that forks: its objects live as long as it does, so nobody need look through them."""

import gc

gc.collect()
gc.freeze()

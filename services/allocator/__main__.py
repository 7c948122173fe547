"""`python -m services.allocator`: one allocator process."""

import gc

from services.allocator.app import build
from services.allocator.settings import AllocatorSettings
from services.allocator.store.tables import SERVICE
from shared.service import start

_COLLECT_AFTER = (100_000, 50, 100)
"""A run makes millions of objects that live as long as it does: looking for garbage less often saves a tenth of it."""

if __name__ == "__main__":
    gc.set_threshold(*_COLLECT_AFTER)
    start(SERVICE, AllocatorSettings, build)

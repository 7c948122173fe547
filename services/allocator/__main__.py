"""`python -m services.allocator`: one allocator process."""

from services.allocator.app import build
from services.allocator.settings import AllocatorSettings
from services.allocator.store.tables import SERVICE
from shared.service import start

if __name__ == "__main__":
    start(SERVICE, AllocatorSettings, build)

"""`python -m services.ledger`: one ledger process."""

from services.ledger.app import build
from services.ledger.settings import LedgerSettings
from services.ledger.store.tables import SERVICE
from shared.service import start

if __name__ == "__main__":
    start(SERVICE, LedgerSettings, build)

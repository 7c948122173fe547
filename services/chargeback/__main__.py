"""`python -m services.chargeback`: run the service."""

from services.chargeback.app import build
from services.chargeback.settings import ChargebackSettings
from shared.service import start

if __name__ == "__main__":
    start("chargeback", ChargebackSettings, build)

"""`python -m services.intake`: run the service."""

from services.intake.app import build
from services.intake.settings import IntakeSettings
from shared.service import start

if __name__ == "__main__":
    start("intake", IntakeSettings, build)

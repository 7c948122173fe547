"""`python -m services.intake`: run the service."""

# ruff: noqa: E402 - memory is set up before anything imports Arrow

from services.intake import memory

memory.give_back()

from services.intake.app import build
from services.intake.settings import IntakeSettings
from shared.service import start

if __name__ == "__main__":
    start("intake", IntakeSettings, build)

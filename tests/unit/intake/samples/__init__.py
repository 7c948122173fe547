"""Small files of every version and dataset of FOCUS, as a provider would write them."""

from pathlib import Path

SAMPLES = Path(__file__).parent

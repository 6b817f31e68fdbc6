"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("BONEPLAN_CACHE", "off")  # no test writes into the user's cache folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real scans: the environment variable BONEPLAN_DATA, else ``../shared/data`` beside the checkout."""
    folder = Path(os.environ.get("BONEPLAN_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real scans at {folder}; set BONEPLAN_DATA to the folder that holds them")
    return folder

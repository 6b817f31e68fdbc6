"""Makes the synthetic result importable and counts nodes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scene"))

pytest.importorskip("slicer", reason="needs slicer-core: pip install 'bone-ablation-planner[standalone]'")

"""Puts pictures of a demo plan side by side for the Extensions Catalog: ``make_screenshot.py FOLDER/figures``.

The pictures are drawn off screen by Slicer's own views (``bone-ablation-planner demo --out FOLDER``).
"""

import sys
from pathlib import Path

from PIL import Image

PICTURES = ("overview-5-3d.png", "overview-2-axial.png", "probe-01-1-along.png")
HEIGHT = 640
TARGET = Path(__file__).resolve().parent / "Screenshots" / "plan.png"


def main() -> None:
    """Write Screenshots/plan.png."""
    folder = Path(sys.argv[1])
    pictures = [Image.open(folder / name).convert("RGB") for name in PICTURES]
    scaled = [p.resize((round(p.width * HEIGHT / p.height), HEIGHT), Image.Resampling.LANCZOS) for p in pictures]
    result = Image.new("RGB", (sum(p.width for p in scaled), HEIGHT))
    left = 0
    for picture in scaled:
        result.paste(picture, (left, 0))
        left += picture.width
    TARGET.parent.mkdir(exist_ok=True)
    result.quantize(256).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()

"""Slices and 3D of every real case as planned, with its report: python Testing/workflow/case_pictures.py DIR [CASES].

CASES is a folder of ``NAME/ct.nii.gz`` with ``case.json`` (lesions are synthetic, in real scans); each is planned as on
the command line, with cement. Without the folder one line says so. One sheet of all cases is `cases.png`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ("overview-2-axial", "overview-3-coronal", "overview-4-sagittal", "overview-5-3d")
WIDTH, TITLE = 480, 24


def main(folder, cases):
    """Plan each case and put its overview pictures in a row of the sheet."""
    paths = sorted(p.parent for p in cases.glob("*/case.json"))
    if not paths:
        print(f"no cases at {cases}; set BONEPLAN_DATA to the folder that holds them")
        return
    rows = [row(path, folder / path.name) for path in paths]
    sheet = Image.new("RGB", (WIDTH * len(VIEWS), sum(r.height for r in rows)), "white")
    top = 0
    for picture in rows:
        sheet.paste(picture, (0, top))
        top += picture.height
    sheet.save(folder / "cases.png")
    print(folder / "cases.png")


def row(path, out):
    """One case's pictures beside each other under its name."""
    seed = [str(value) for value in json.loads((path / "case.json").read_text())["seed_ras_mm"]]
    organs = ["--organs", path / "organs.nii.gz", "--organ-names", path / "organs.json"]
    command = [Path(sys.executable).with_name("bone-ablation-planner"), "plan", path / "ct.nii.gz", "--cement"]
    command += [*(organs if organs[1].exists() else []), "--lesion-seed", *seed, "--out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    pictures = [Image.open(out / "figures" / f"{name}.png").convert("RGB") for name in VIEWS]
    pictures = [p.resize((WIDTH, round(p.height * WIDTH / p.width))) for p in pictures]
    joined = Image.new("RGB", (WIDTH * len(VIEWS), TITLE + max(p.height for p in pictures)), "white")
    ImageDraw.Draw(joined).text((6, 6), f"{path.name} (synthetic lesion)", fill="black")
    for n, picture in enumerate(pictures):
        joined.paste(picture, (n * WIDTH, TITLE))
    return joined


if __name__ == "__main__":
    data = Path(os.environ.get("BONEPLAN_DATA") or ROOT.parent / "shared" / "data")
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else data / "cases")

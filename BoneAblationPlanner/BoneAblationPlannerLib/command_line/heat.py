"""What the command line is told about heat and ice."""

import argparse
import math
from pathlib import Path

from BoneAblationPlannerLib.case import InsertedMaterial
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Point
from BoneAblationPlannerLib.zones.heat.options import HeatOptions


def add_heat_arguments(parser: argparse.ArgumentParser) -> None:
    """`--heat` and what goes with it."""
    parser.add_argument("--heat", action="store_true", help="simulate heat or ice in this patient's tissues")
    parser.add_argument("--thermocouple", action="append", default=[], metavar="NAME=R,A,S",
                        help="with --heat: temperature and dose over time at a point; may be repeated")  # fmt: skip
    parser.add_argument("--shortest-program", action="store_true",
                        help="with --heat: take the shortest program that covers and breaks no limit")  # fmt: skip
    parser.add_argument("--together", action="store_true",
                        help="with --heat: hot probes at the same time, not one after the other")  # fmt: skip
    parser.add_argument("--no-cache", action="store_true", help="with --heat: keep no results for the next time")


def add_placing_argument(parser: argparse.ArgumentParser) -> None:
    """Where probes are planned, and not only measured."""
    parser.add_argument("--keep-placement", action="store_true",
                        help="with --heat: probes stay as the charts place them, also if lesion is left")  # fmt: skip


def add_inserted_argument(parser: argparse.ArgumentParser) -> None:
    """Fluid and gas that protect."""
    parser.add_argument("--inserted", action="append", default=[], metavar="MATERIAL=MASK",
                        help="fluid or gas that protects, as co2=gas.nii.gz; may be repeated")  # fmt: skip


def heat_options(options: argparse.Namespace) -> HeatOptions | None:
    """How to simulate; None without --heat. Raises InputError for what is only of use with it."""
    asked = {
        "--thermocouple": options.thermocouple,
        "--shortest-program": options.shortest_program,
        "--together": options.together,
        "--no-cache": options.no_cache,
        "--keep-placement": getattr(options, "keep_placement", False),
    }
    if not options.heat:
        given = next((name for name, value in asked.items() if value), None)
        if given is not None:
            raise InputError(f"{given}: given without --heat")
        return None
    points: dict[str, Point] = {}
    for text in options.thermocouple:
        name, point = _thermocouple(text)
        if name in points:
            raise InputError(f"--thermocouple: two are called {name!r}; expected each name once")
        points[name] = point
    return HeatOptions(
        thermocouples=points or None,
        shortest=options.shortest_program,
        keep=not options.no_cache,
        together=options.together,
        keep_placement=asked["--keep-placement"],
    )


def read_inserted(texts: list[str], grid: Grid) -> tuple[tuple[InsertedMaterial, ...], list[str]]:
    """MATERIAL=MASK as materials on the CT's grid, and what reading them changed or noticed."""
    from BoneAblationPlannerLib.reading import read_mask
    from BoneAblationPlannerLib.zones.heat.inserted import inserted_material

    found, notes = [], []
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or not path:
            raise InputError(f"--inserted {text}: expected MATERIAL=MASK, for instance co2=gas.nii.gz")
        mask, noticed = read_mask(Path(path), grid)
        found.append(inserted_material(name.strip(), mask))
        notes += noticed
    return tuple(found), notes


def _thermocouple(text: str) -> tuple[str, Point]:
    """NAME=R,A,S as a name and a point."""
    name, _, place = text.partition("=")
    try:
        r, a, s = (float(value) for value in place.split(","))
    except ValueError:
        raise InputError(f"--thermocouple {text}: expected NAME=R,A,S with three numbers in mm") from None
    if not name.strip() or not all(map(math.isfinite, (r, a, s))):
        raise InputError(f"--thermocouple {text}: expected NAME=R,A,S with a name and finite numbers in mm")
    return name.strip(), (r, a, s)

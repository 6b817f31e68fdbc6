"""What single values on the command line must be."""

import argparse
import math
import tempfile
from pathlib import Path
from typing import TypeAlias

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Point

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What a command adds itself to."""


def finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text}: expected a finite number")
    return value


def port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: expected a port, 0 to 65535")
    return value


def folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("empty; expected a folder")
    return Path(text)


class PointAction(argparse.Action):
    """Turn three numbers into a point."""

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        point: Point = (values[0], values[1], values[2])
        setattr(namespace, self.dest, point)


def check_output(out: Path) -> None:
    """Refuse an output that cannot be written before any work is done."""
    folder = out if out.exists() else next(p for p in out.absolute().parents if p.exists())
    if not folder.is_dir():
        raise InputError(f"--out {out}: is a file; expected a folder")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".bone-plan-"):
            pass
    except OSError as error:
        raise InputError(f"--out {out}: not writable ({error.strerror}); expected a folder you may write to") from None

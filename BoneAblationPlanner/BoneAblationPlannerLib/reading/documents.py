"""JSON files."""

import json
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.errors import InputError


def read_json(path: Path) -> Any:
    """What a JSON file holds; raises InputError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path.name}: not found; expected a JSON file") from error
    except (UnicodeDecodeError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"{path.name}: not readable as JSON; expected a JSON file") from error

"""JSON files."""

import json
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.errors import InputError


def read_json(path: Path) -> Any:
    """What a JSON file holds; raises InputError where it is missing or damaged, or says a thing twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
        if twice is not None:
            raise InputError(f"{path.name}: {twice!r} is there twice; expected each entry once")
        return dict(pairs)

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except FileNotFoundError as error:
        raise InputError(f"{path.name}: not found; expected a JSON file") from error
    except (UnicodeDecodeError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"{path.name}: not readable as JSON; expected a JSON file") from error

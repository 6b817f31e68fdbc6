"""Which modality suits a lesion: rules as data, every one with its source; the user's choice always wins."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from BoneAblationPlannerLib.plan import MODALITIES, Advice, LesionKind, Modality, RankedModality, Reason


@dataclass(frozen=True)
class LesionFacts:
    """What the rules ask about; `near_mm` holds the distance from the lesion to each kind of structure present."""

    kind: LesionKind | None
    longest_mm: float
    breach_fraction: float
    cement_wanted: bool
    near_mm: Mapping[str, float]


def advise(facts: LesionFacts, chosen: Modality | None, not_checked: tuple[str, ...]) -> Advice:
    """Rank the modalities by the points of the rules that apply; ties keep the order rfa, mwa, cryo."""
    ranked = sorted((_rank(modality, facts) for modality in MODALITIES), key=lambda r: -r.score)
    warnings = []
    if not_checked:
        warnings.append(f"advice does not know the distance to: {', '.join(not_checked)}")
    modality = chosen or ranked[0].modality
    if chosen and chosen != ranked[0].modality:
        warnings.append(f"{chosen} was chosen; the rules rank {ranked[0].modality} first")
    return Advice(modality, "user" if chosen else "rules", tuple(ranked), tuple(warnings))


def _rank(modality: Modality, facts: LesionFacts) -> RankedModality:
    rules = [r for r in _rules() if r["modality"] == modality and _applies(r["when"], facts)]
    reasons = tuple(Reason(f"{r['rule']} ({r['points']:+g})", r["source"], r["status"]) for r in rules)
    return RankedModality(modality, float(sum(r["points"] for r in rules)), reasons)


def _applies(when: dict[str, Any], facts: LesionFacts) -> bool:
    """Whether every condition of a rule holds; a structure that is not known to be near does not make it hold."""
    checks: dict[str, Callable[[Any], bool]] = {
        "kind": lambda kinds: facts.kind in kinds,
        "longest_mm_max": lambda limit: facts.longest_mm <= limit,
        "longest_mm_min": lambda limit: facts.longest_mm > limit,
        "breach_max": lambda limit: facts.breach_fraction <= limit,
        "breach_min": lambda limit: facts.breach_fraction > limit,
        "cement": lambda wanted: facts.cement_wanted == wanted,
        "near_mm_max": lambda limits: any(facts.near_mm.get(kind, float("inf")) <= mm for kind, mm in limits.items()),
    }
    return all(checks[name](value) for name, value in when.items())


@cache
def _rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(files(__package__).joinpath("rules.json").read_text(encoding="utf-8"))
    return rules

"""Defaults of margin and placement error, each with provenance in ``defaults.json``."""

from BoneAblationPlannerLib.case import Choices
from BoneAblationPlannerLib.placement.coverage import PlacementError
from BoneAblationPlannerLib.sourced import SourcedNumbers

DEFAULTS = SourcedNumbers("BoneAblationPlannerLib.placement", "defaults.json")


def placement_error(choices: Choices) -> PlacementError:
    """The placement error that robust figures are computed for: the user's or the default."""
    lateral, depth = choices.lateral_error_mm, choices.depth_error_mm
    return PlacementError(
        DEFAULTS["lateral_error_mm"] if lateral is None else lateral,
        DEFAULTS["depth_error_mm"] if depth is None else depth,
        seed=choices.seed,
    )

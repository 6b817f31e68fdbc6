"""Defaults of cement planning, each with provenance in ``defaults.json``."""

from BoneAblationPlannerLib.sourced import SourcedNumbers

DEFAULTS = SourcedNumbers("CementTrajectoryLib.cement", "defaults.json")

GAUGE_DIAMETER_MM = {10: 3.4, 11: 3.05, 12: 2.77, 13: 2.4}
"""Outer diameters of the hypodermic gauge series."""

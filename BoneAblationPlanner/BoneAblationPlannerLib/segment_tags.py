"""Tags of a plan's segments, in a scene and in the files that Slicer writes of it."""

ROLE_TAG = "BonePlan.Role"
"""What a segment is in the plan, as ``zone``; what a person adds has none."""
KIND_TAG = "BonePlan.Kind"
"""Kind of a structure."""
ORIGIN_TAG = "BonePlan.Origin"
"""Whether what a segment of a plan shows was given by the user, found by the planner, or found and then drawn anew."""
GIVEN, FOUND, DRAWN = "given", "found", "drawn"

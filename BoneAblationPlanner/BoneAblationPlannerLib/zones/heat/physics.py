"""Physical constants and rules of the simulation, from ``physics.json``."""

from BoneAblationPlannerLib.sourced import SourcedNumbers

PHYSICS = SourcedNumbers(__package__, "physics.json")

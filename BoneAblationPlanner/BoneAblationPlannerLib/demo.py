"""The embedded default case: the digital phantom, as a case to plan."""

from BoneAblationPlannerLib.anatomy.phantom import Phantom, make_phantom
from BoneAblationPlannerLib.case import Case, Choices, NerveCurve


def demo_case(choices: Choices | None = None, phantom: Phantom | None = None) -> Case:
    """The phantom as a user would hand it over: CT, one click in the lesion, organ labels and nerve curves."""
    phantom = phantom or make_phantom()
    nerves = tuple(NerveCurve(name, points) for name, points in phantom.nerves)
    return Case(phantom.ct, phantom.seed_ras_mm, None, phantom.organs, nerves, choices or Choices())

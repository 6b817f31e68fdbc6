"""The phantom as a coarse case: quick enough for tests of the whole path."""

from functools import cache

from BoneAblationPlannerLib.anatomy.phantom import make_phantom
from BoneAblationPlannerLib.case import Choices
from BoneAblationPlannerLib.demo import demo_case
from BoneAblationPlannerLib.workflow import plan_case


@cache
def coarse_phantom():
    """Whole phantom at 2.5 mm."""
    return make_phantom((2.5, 2.5, 2.5))


def coarse_case(modality="mwa", **choices):
    """The phantom as a case; one modality by default, because trying all takes three times as long."""
    return demo_case(Choices(modality=modality, **choices), coarse_phantom())


@cache
def coarse_result():
    """Its plan with default choices."""
    return plan_case(coarse_case())

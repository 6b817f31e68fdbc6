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


def coarse_case(**choices):
    """The phantom as a case, with choices by keyword."""
    return demo_case(Choices(**choices), coarse_phantom())


@cache
def coarse_result():
    """Its plan with default choices."""
    return plan_case(coarse_case())

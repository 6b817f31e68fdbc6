"""The figures of placements that a person edited: in a plan.json, in a saved scene, or as lines without any CT."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from BoneAblationPlannerLib.anatomy.lesion import diameters_mm
from BoneAblationPlannerLib.anatomy.structures import kind_rules
from BoneAblationPlannerLib.case import Anatomy, Case, Choices, PlanningResult, Structure
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.devices.catalogue import Device, Program, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.evaluation import evaluate
from BoneAblationPlannerLib.frames import Grid, ras_from_lps
from BoneAblationPlannerLib.placement.defaults import default_value
from BoneAblationPlannerLib.placement.probe_figures import Placement, rounded_point
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.plan import Advice, CheckedStructure, Lesion, Optimiser, Plan, Structures
from BoneAblationPlannerLib.preparation import PreparedCase, describe_lesion
from BoneAblationPlannerLib.scene.build import StoredPlan

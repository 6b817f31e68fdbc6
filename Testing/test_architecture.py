"""Imports point one way: engine -> scene, views, dicom, reading -> workflow -> outputs, re-evaluation -> shells."""

import ast
import sys

import pytest
from cmake_lists import ROOT

# Lower layers first; a part may import its own layer and those below it.
LAYERS = {
    "BoneAblationPlannerLib": (
        "segment_tags frames regions ct errors progress sourced rounding records plan case distance components"
        " morphology compute background anatomy devices zones access placement advice outlining preparation evaluation"
        " demo",
        "scene views dicom nifti reading report",
        "workflow",
        "outputs reevaluation simulating planning_with_heat",
        "panel cli command_line doctor review",
    ),
    "CementTrajectoryLib": ("cement screws stability", "workflow", "panel cli"),
}
ENGINE_MAY_IMPORT = {"numpy", "scipy", "SimpleITK", "numba"}
# What Slicer brings besides, and its own modules. reportlab is not among it: imported at use.
SLICER_BRINGS = {"slicer", "vtk", "vtkmodules", "qt", "ctk", "pydicom", "PIL"}
RUNTIME = {"slicer", "vtk", "vtkmodules", "qt", "ctk", "trame", "trame_slicer"}
# Crossings that are imported where they are used: the scene measures a loaded plan again, and the command line, which
# has both packages, adds cement.
AT_USE = {
    ("scene.live", "reevaluation"),
    ("command_line.corridors", "CementTrajectoryLib"),
    ("command_line.planning", "CementTrajectoryLib"),
    ("command_line.stabilising", "CementTrajectoryLib"),
}

FILES = {package: sorted((ROOT / package.removesuffix("Lib") / package).rglob("*.py")) for package in LAYERS}
CASES = [(package, path) for package, paths in FILES.items() for path in paths]


def module_of(package, path):
    return ".".join(path.relative_to(ROOT / package.removesuffix("Lib") / package).with_suffix("").parts)


def imports(path, everywhere):
    """Full names of imported modules, at file scope or everywhere; typing-only imports count too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else iter_file_scope(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def iter_file_scope(tree):
    """Statements that run at import: not those in functions."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def layer_of(package, part):
    for number, names in enumerate(LAYERS[package]):
        if part in names.split():
            return number
    return None


def identify(case):
    return f"{case[0]}.{module_of(*case)}"


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_imports_point_down(case):
    package, path = case
    module = module_of(package, path)
    if module == "__init__":
        return
    own = layer_of(package, module.split(".")[0])
    assert own is not None, f"{module}: in no layer; add it to LAYERS"
    at_file_scope = set(imports(path, everywhere=False))
    for name in imports(path, everywhere=True):
        top, _, rest = name.partition(".")
        if top in LAYERS and rest:
            part = rest.split(".")[0]
            if name not in at_file_scope and (module, part if top == package else top) in AT_USE:
                continue
            if top == package:
                assert layer_of(package, part) is not None, f"{module} imports {name}: in no layer; add it to LAYERS"
                assert layer_of(package, part) <= own, f"{module} imports {name}, which is above it"
            else:
                assert package == "CementTrajectoryLib", f"{module} imports {name}: the planner must not need cement"


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_the_engine_needs_no_slicer(case):
    package, path = case
    module = module_of(package, path)
    if layer_of(package, module.split(".")[0]) != 0:
        return
    used = {name.split(".")[0] for name in imports(path, everywhere=True)}
    assert not used & RUNTIME
    assert used <= ENGINE_MAY_IMPORT | set(LAYERS) | set(sys.stdlib_module_names)


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_third_party_imports_are_known(case):
    package, path = case
    part = module_of(package, path).split(".")[0]
    allowed = ENGINE_MAY_IMPORT | set(LAYERS) | set(sys.stdlib_module_names)
    if layer_of(package, part) != 0:
        allowed = allowed | SLICER_BRINGS
    assert {name.split(".")[0] for name in imports(path, everywhere=False)} <= allowed

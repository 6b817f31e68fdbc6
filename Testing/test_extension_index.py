"""The rules of Slicer's Extensions Index, replayed offline."""

import ast
import json
import re
import struct
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cmake_lists
import jsonschema
import pytest
from cmake_lists import MODULES, ROOT

CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
DESCRIPTION = json.loads((ROOT / "BoneAblationPlanner.json").read_text(encoding="utf-8"))
MODULE_FILES = [ROOT / m / f"{m}.py" for m in MODULES]
BUNDLED_WITH_SLICER = {"vtk", "numpy", "scipy", "SimpleITK", "slicer", "qt", "ctk"}
# As in the Index's slicer-extension-catalog-entry-schema-v1.0.1.json.
SCHEMA = {
    "type": "object",
    "required": ["$schema", "category", "scm_url"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string"},
        "category": {"type": "string"},
        "scm_url": {"type": "string", "pattern": "^(https|git)://"},
        "scm_revision": {"type": "string"},
        "scm_type": {"enum": ["git", "local"]},
        "build_dependencies": {"type": "array", "items": {"type": "string"}},
        "build_subdirectory": {"type": "string"},
        "enabled": {"type": "boolean"},
        "tier": {"type": "integer", "minimum": 1, "maximum": 5},
    },
}


def setting(name):
    found = re.findall(rf'set\s*\({name}\s*"([^"]+)"[ ]*\)', CMAKE, re.IGNORECASE | re.MULTILINE)
    assert len(found) == 1, f"{name}: set {len(found)} times; expected once, quoted"
    return found[0].strip()


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", f"{path.name} is no PNG"
    return struct.unpack(">II", head[16:24])


def test_the_index_entry_follows_the_schema():
    jsonschema.validate(DESCRIPTION, SCHEMA)
    assert b"\r" not in (ROOT / "BoneAblationPlanner.json").read_bytes()


def test_the_entry_and_cmake_say_the_same():
    names = re.findall(r"project\s*\(\s*([^\s\)\n\r]+)", CMAKE, re.IGNORECASE)
    assert names[0] == "BoneAblationPlanner"
    assert not names[0].lower().startswith("slicer")
    assert DESCRIPTION["category"] == setting("EXTENSION_CATEGORY") == "Planning"
    assert setting("EXTENSION_DEPENDS") == (" ".join(DESCRIPTION["build_dependencies"]) or "NA")
    assert DESCRIPTION["scm_url"] == setting("EXTENSION_HOMEPAGE") + ".git"


def test_the_description_is_short_and_names_who_made_it():
    text = setting("EXTENSION_DESCRIPTION")
    assert 1 <= len(re.findall(r"\.(?:\s|$)", text)) <= 3
    assert len(text) < 400
    assert setting("EXTENSION_CONTRIBUTORS")


@pytest.mark.parametrize("name", ["EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"])
def test_pictures_are_pngs_on_the_web_and_in_the_repository(name):
    for url in setting(name).split():
        assert url.startswith("http")
        assert url.endswith(".png")
        assert (ROOT / url.split("/main/")[1]).is_file(), f"{url} would not be found"


@pytest.mark.parametrize(
    "path", ["Resources/BoneAblationPlanner.png", *(f"{m}/Resources/Icons/{m}.png" for m in MODULES)]
)
def test_icons_are_128_pixels_square(path):
    assert png_size(ROOT / path) == (128, 128)


def test_the_licence_is_there_and_named_in_the_readme():
    assert "Apache License" in (ROOT / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Apache" in (ROOT / "README.md").read_text(encoding="utf-8")
    for name, file in (("EXTENSION_LICENSE_FILE", "LICENSE.txt"), ("EXTENSION_README_FILE", "README.md")):
        assert setting(name) == "${CMAKE_CURRENT_SOURCE_DIR}/" + file


def test_the_readme_describes_both_modules_and_shows_a_picture():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for module in MODULES:
        assert module in readme or re.sub(r"(?<=.)([A-Z])", r" \1", module) in readme
    assert re.search(r"!\[[^\]]*\]\([^)]+\.png\)|<img [^>]*\.png", readme)


@pytest.mark.parametrize("module", MODULES)
def test_cmake_lists_every_script_and_resource(module):
    text = (ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8")
    assert text == cmake_lists.cmake_text(module), "stale; run: python Testing/cmake_lists.py"


def test_the_requirements_for_slicer_are_the_base_dependencies():
    for path, text in cmake_lists.requirements_texts().items():
        assert path.read_text(encoding="utf-8") == text, "stale; run: python Testing/cmake_lists.py"


def test_the_base_dependencies_never_hold_the_runtime():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.match(r"[\w.-]+", d).group().lower() for d in project["dependencies"]}
    assert not names & {"vtk", "slicer-core", "trame-slicer", "pyside6", "pyside6-essentials"}


@pytest.mark.parametrize("path", MODULE_FILES, ids=lambda p: p.name)
def test_module_files_load_with_only_what_slicer_brings(path):
    """They and every file of the extension that they import, directly or not, at file scope."""
    allowed = BUNDLED_WITH_SLICER | set(sys.stdlib_module_names)
    seen, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        seen.add(file)
        for name in modules_at_file_scope(file):
            own = file_of(name)
            if own is None:
                assert name.partition(".")[0] in allowed, f"{file.name}: {name}"
            elif own not in seen:
                waiting.append(own)


def modules_at_file_scope(path):
    """Full names of the modules that a file imports when it is loaded, but for those for typing only."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if file_of(inner) is not None else node.module


def file_of(module):
    """The file of a module of this extension, or None."""
    package, _, rest = module.partition(".")
    for folder in ("BoneAblationPlanner", "CementTrajectory"):
        if package == f"{folder}Lib":
            base = ROOT / folder / package / Path(*rest.split(".")) if rest else ROOT / folder / package
            for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                if candidate.is_file():
                    return candidate
    return None


@pytest.mark.parametrize("path", MODULE_FILES, ids=lambda p: p.name)
def test_module_files_run_no_code_when_they_are_imported(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        constant = isinstance(node, ast.Assign) and not any(isinstance(n, ast.Call) for n in ast.walk(node))
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        definition = isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef)
        assert constant or docstring or definition, f"{path.name}:{node.lineno} runs at import"


@pytest.mark.parametrize("path", MODULE_FILES, ids=lambda p: p.name)
def test_panels_have_no_styling_and_a_tooltip_on_every_control(path):
    assert "setStyleSheet" not in path.read_text(encoding="utf-8")
    ui = ElementTree.parse(path.parent / "Resources" / "UI" / f"{path.stem}.ui")
    assert not [p for p in ui.iter("property") if p.get("name") == "styleSheet"]
    for widget in ui.iter("widget"):
        if widget.get("class") not in ("qMRMLWidget", "QWidget"):
            tips = [p.findtext("string") for p in widget.findall("property") if p.get("name") == "toolTip"]
            assert tips, f"{widget.get('name')} has no tooltip"
            assert tips[0]


def test_every_mrml_widget_gets_the_scene():
    for path in MODULE_FILES:
        ui = ElementTree.parse(path.parent / "Resources" / "UI" / f"{path.stem}.ui")
        wanted = {w.get("name") for w in ui.iter("widget") if w.get("class", "").startswith("qMRML")} - {path.stem}
        wired = {
            c.findtext("receiver")
            for c in ui.iter("connection")
            if c.findtext("slot") == "setMRMLScene(vtkMRMLScene*)" and c.findtext("sender") == path.stem
        }
        assert wired == wanted


def test_packages_are_installed_through_slicer_after_asking():
    for path in [p for m in MODULES for p in (ROOT / m).rglob("*.py")]:
        called = {ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)}
        text = path.read_text(encoding="utf-8")
        assert not called & {"os.system", "pip.main"}
        assert not re.search(r"[\"']pip[\"'], *[\"']install", text), f"{path.name} runs pip by itself"
        if any(c.endswith("pip_install") for c in called):
            assert any(c.endswith("confirmOkCancelDisplay") for c in called), f"{path.name} does not ask"


def imported_at_file_scope(path):
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names

"""Lists that must follow the files: CMake's scripts and resources, and the engine's requirements.

``python Testing/cmake_lists.py`` rewrites them; a test fails when one is stale. A file that CMake does not list is
missing from the packaged extension.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("BoneAblationPlanner", "CementTrajectory")
LIBRARY = ROOT / "BoneAblationPlanner" / "BoneAblationPlannerLib"
BEGIN, END = "# BEGIN lists (written by Testing/cmake_lists.py)", "# END lists"
_NO_RESOURCE = {".py", ".pyc", ".nbc", ".nbi"}


def scripts(module: str) -> list[str]:
    """Python files of a module, relative to its folder, the module file first."""
    folder = ROOT / module
    library = sorted(p.relative_to(folder).as_posix() for p in (folder / f"{module}Lib").rglob("*.py"))
    return [f"{module}.py", *library]


def resources(module: str) -> list[str]:
    """Everything else that the module reads: data files beside the code, .ui files, icons."""
    folder = ROOT / module
    found = [p for part in ("Resources", f"{module}Lib") for p in (folder / part).rglob("*")]
    kept = [p for p in found if p.is_file() and p.suffix not in _NO_RESOURCE and "__pycache__" not in p.parts]
    return sorted(p.relative_to(folder).as_posix() for p in kept)


def cmake_text(module: str) -> str:
    """The module's CMakeLists.txt as it should be."""
    text = (ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    lists = _cmake_list("MODULE_PYTHON_SCRIPTS", scripts(module)) + _cmake_list(
        "MODULE_PYTHON_RESOURCES", resources(module)
    )
    return f"{before}{BEGIN}\n{lists}{END}{after}"


def requirements_texts() -> dict[Path, str]:
    """What the requirement files should be: the base dependencies of pyproject.toml, and what its report needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    standalone = project["optional-dependencies"]["standalone"]
    wanted = {
        "requirements.txt": ("What the engine needs", project["dependencies"]),
        "requirements-report.txt": ("What the report needs", [r for r in standalone if r.startswith("reportlab")]),
    }
    return {
        LIBRARY / name: "\n".join([f"# {what}; written from pyproject.toml by Testing/cmake_lists.py.", *needed, ""])
        for name, (what, needed) in wanted.items()
    }


def _cmake_list(name: str, files: list[str]) -> str:
    return "\n".join([f"set({name}", *(f"  {f}" for f in files), "  )", ""])


def main() -> None:
    """Rewrite all lists."""
    for path, text in requirements_texts().items():
        path.write_text(text, encoding="utf-8")
    for module in MODULES:
        (ROOT / module / "CMakeLists.txt").write_text(cmake_text(module), encoding="utf-8")


if __name__ == "__main__":
    main()

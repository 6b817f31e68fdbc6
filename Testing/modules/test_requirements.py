"""What Slicer lacks is installed through Slicer, after asking, and never a part of Slicer itself."""

import importlib.util

import pytest

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene.requirements import REPORT, ensure_requirements, missing_requirements, requirements


@pytest.fixture
def without(monkeypatch):
    """Hide packages until they are 'installed'."""
    hidden = set()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in hidden else find(name, *a))
    return hidden


def test_nothing_is_asked_where_nothing_is_missing(host):
    assert missing_requirements() == ()
    ensure_requirements()
    assert host.questions == host.installed == []


def test_a_missing_package_is_installed_after_a_yes_and_the_rest_stays(host, without, monkeypatch):
    without.add("numba")
    host.answers.append(True)
    monkeypatch.setattr("slicer.util.pip_install", lambda what: (host.installed.append(what), without.clear()))
    ensure_requirements()
    assert "numba" in host.questions[0]
    (wanted,) = host.installed
    assert wanted[0] == next(r for r in requirements() if r.startswith("numba"))
    names = {w.split("==")[0].split(">=")[0].lower() for w in wanted}
    assert names == {"numba", "numpy", "scipy", "pydicom"}
    assert all("==" in pin for pin in wanted[1:])


def test_a_no_installs_nothing(host, without):
    without.add("numba")
    host.answers.append(False)
    with pytest.raises(InputError, match="numba: not installed"):
        ensure_requirements()
    assert host.installed == []


def test_a_failed_installation_is_one_line(host, without, monkeypatch):
    def fail(_):
        raise RuntimeError("no network")

    without.add("numba")
    host.answers += [True, True]
    monkeypatch.setattr("slicer.util.pip_install", fail)
    with pytest.raises(InputError, match=r"installation failed \(no network\)"):
        ensure_requirements()
    monkeypatch.setattr("slicer.util.pip_install", host.installed.append)
    with pytest.raises(InputError, match="still missing"):
        ensure_requirements()


def test_parts_of_slicer_are_never_installed(host, without):
    without.add("SimpleITK")
    with pytest.raises(InputError, match="complete installation of Slicer"):
        ensure_requirements()
    assert host.questions == host.installed == []
    assert not any(r.lower().startswith(("vtk", "slicer")) for r in (*requirements(), *requirements(REPORT)))


def test_the_report_asks_for_its_own_package(host, without):
    without.add("reportlab")
    ensure_requirements()
    host.answers.append(False)
    with pytest.raises(InputError, match="reportlab: not installed"):
        ensure_requirements(REPORT)
    assert "The report needs" in host.questions[0]

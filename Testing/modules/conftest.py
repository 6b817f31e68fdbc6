"""Panels without a desktop: needs slicer-core, PySide6 and the libraries that Qt opens windows with."""

import os

import pytest
from panels import PLANNER, run

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("slicer", reason="needs slicer-core: pip install 'bone-ablation-planner[standalone]'")


def _why_no_qt():
    try:
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:
        packages = "libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1"
        return f"needs PySide6 and its libraries (apt install {packages}): {error}"
    return None


@pytest.fixture
def host():
    """A desktop for one test; errors in slots and observers fail the test."""
    reason = _why_no_qt()
    if reason is not None:
        pytest.skip(reason)
    from PanelHost.host import PanelHost

    with PanelHost() as desktop:
        yield desktop
        errors = list(desktop.errors)
    assert errors == []


@pytest.fixture
def planner(host):
    """The open planner panel on an empty scene."""
    return host.open(host.load(PLANNER))


@pytest.fixture
def sample(host, planner):
    """The open planner panel with the coarse phantom loaded and chosen."""
    from phantoms import coarse_phantom

    planner.logic.addSample(coarse_phantom(), planner.parameters)
    host.process()
    return planner


@pytest.fixture
def planned(host, sample, monkeypatch):
    """The panel with the sample and a plan that was ready at once; measuring is real."""
    from phantoms import coarse_result

    monkeypatch.setattr(sample.logic, "plan", lambda case, report: coarse_result())
    run(host, sample, sample.ui.planButton)
    return sample

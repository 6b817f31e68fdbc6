"""A machine without OpenGL is told so instead of crashing."""

import subprocess

import pytest

from BoneAblationPlannerLib.views import gl


@pytest.fixture(autouse=True)
def forget():
    """The answer is cached; every test asks anew."""
    gl.gl_available.cache_clear()
    yield
    gl.gl_available.cache_clear()


@pytest.mark.parametrize("returncode", [-11, 1])
def test_crash_of_the_trial_names_the_command(monkeypatch, returncode):
    monkeypatch.setattr(gl.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, returncode))
    available, how_to_mend = gl.gl_available()
    assert not available
    assert "apt-get install libegl1 libgl1-mesa-dri" in how_to_mend


def test_answer_is_asked_once(monkeypatch):
    asked = []

    def run(*args, **kwargs):
        asked.append(args)
        return subprocess.CompletedProcess(args, 0)

    monkeypatch.setattr(gl.subprocess, "run", run)
    assert gl.gl_available() == (True, "")
    assert gl.gl_available() == (True, "")
    assert len(asked) == 1


def test_hanging_trial_counts_as_missing(monkeypatch):
    def run(*args, **kwargs):
        raise subprocess.TimeoutExpired("trial", 1)

    monkeypatch.setattr(gl.subprocess, "run", run)
    assert not gl.gl_available()[0]

"""Whether this machine can draw. VTK crashes the process where it finds no OpenGL, so a child process tries first."""

import functools
import subprocess
import sys

from BoneAblationPlannerLib.scene.runtime import desktop

HOW_TO_MEND = "pictures need OpenGL; as root: apt-get install libegl1 libgl1-mesa-dri (or libosmesa6)"

_TIMEOUT_S = 60
_TRIAL = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderWindow
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(16, 16)
window.Render()
raise SystemExit(0 if "OpenGL" in window.ReportCapabilities() else 1)
"""


@functools.cache
def gl_available() -> tuple[bool, str]:
    """(True, "") when off-screen drawing works here, else (False, how to mend it)."""
    app = desktop()
    if app is not None and callable(getattr(app, "mainWindow", None)) and app.mainWindow() is not None:
        return True, ""  # the desktop draws already, and its sys.executable is not a Python
    try:
        trial = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False, HOW_TO_MEND
    return (True, "") if trial.returncode == 0 else (False, HOW_TO_MEND)

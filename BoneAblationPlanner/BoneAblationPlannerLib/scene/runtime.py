"""The Slicer runtime: the desktop's own where there is one, else a private scene on slicer-core from PyPI."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.errors import InputError

VERSION = "Slicer 5.12.3 34000"
"""Written into bundles; without it the desktop warns and takes header-less meshes for RAS."""

_INSTALL = "the Slicer runtime is not installed; expected: pip install 'bone-ablation-planner[standalone]'"

_LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "SceneViews": "vtkSlicerSceneViewsModuleLogic",
    "Data": "vtkSlicerDataModuleLogic",
}

# Scene -> what has to live as long as it: the application logic and the logics of the modules.
_applications: "weakref.WeakKeyDictionary[Any, Any]" = weakref.WeakKeyDictionary()


def slicer_module() -> Any:
    """The `slicer` package; raises InputError with the command to install it when it is missing."""
    try:
        import slicer
    except ImportError as error:
        raise InputError(f"{_INSTALL} ({error})") from None
    if not hasattr(slicer, "vtkMRMLScene"):
        raise InputError(_INSTALL)
    return slicer


def desktop() -> Any | None:
    """The running Slicer application (or whatever stands in for it with a scene and logics), else None."""
    app = getattr(slicer_module(), "app", None)
    if app is None or not hasattr(app, "mrmlScene") or not hasattr(app, "applicationLogic"):
        return None
    return app if app.mrmlScene() is not None else None


def host_scene() -> Any:
    """The scene a person works in: the desktop's, untouched, or a new private one where there is no desktop."""
    app = desktop()
    return app.mrmlScene() if app is not None else new_scene()


def new_scene() -> Any:
    """A private vtkMRMLScene with the logics of all modules that a plan needs, also inside the desktop.

    The logics live as long as the returned Python object; keep it while its nodes are in use.
    """
    slicer = slicer_module()
    scene = slicer.vtkMRMLScene()
    scene.SetVersion(VERSION)
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    folder = _temporary_folder(scene)
    application.SetTemporaryPath(str(folder))
    _add_default_nodes(slicer, scene)
    color_logic = application.GetColorLogic()
    color_logic.SetMRMLScene(scene)
    application.SetModuleLogic("Colors", color_logic)
    logics = []  # the application logic refers to them weakly
    for name, class_name in _LOGICS.items():
        logic = getattr(slicer, class_name)()
        logics.append(logic)
        _set_share_folder(name, logic)
        logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        application.SetModuleLogic(name, logic)
    _applications[scene] = (application, logics, _remote_io(slicer, scene, application, folder))
    return scene


def application_logic(scene: Any) -> Any:
    """The application logic that serves a scene; raises ValueError for a scene that nobody serves."""
    if scene in _applications:
        return _applications[scene][0]
    app = desktop()
    if app is not None and app.mrmlScene() is scene:
        return app.applicationLogic()
    raise ValueError("scene: has no application logic; expected the desktop's scene or one made by new_scene()")


@contextmanager
def quiet_vtk() -> Iterator[None]:
    """Keep VTK from printing (it names every file it packs); errors come back as return values and messages."""
    import vtk

    window = vtk.vtkOutputWindow.GetInstance()
    shown, mode = vtk.vtkObject.GetGlobalWarningDisplay(), window.GetDisplayMode()
    vtk.vtkObject.SetGlobalWarningDisplay(0)
    window.SetDisplayModeToNever()
    try:
        yield
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(shown)
        window.SetDisplayMode(mode)


def _temporary_folder(scene: Any) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bone-plan-scene-"))
    weakref.finalize(scene, shutil.rmtree, folder, ignore_errors=True)
    return folder


def _add_default_nodes(slicer: Any, scene: Any) -> None:
    patient_right_is_screen_left = True
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, patient_right_is_screen_left)
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)


def _remote_io(slicer: Any, scene: Any, application: Any, folder: Path) -> Any:
    """Reading a bundle unpacks it into the cache folder of this logic; on the desktop the application has its own."""
    logic = slicer.vtkMRMLRemoteIOLogic()
    logic.SetMRMLScene(scene)
    logic.SetMRMLApplicationLogic(application)
    logic.GetCacheManager().SetRemoteCacheDirectory(str(folder))
    logic.AddDataIOToScene()
    return logic


def _set_share_folder(name: str, logic: Any) -> None:
    """Terminologies and rendering presets are not in slicer-core; trame-slicer brings them. Before the scene is set."""
    spec = util.find_spec("trame_slicer")
    set_folder: Callable[[str], None] | None = getattr(logic, "SetModuleShareDirectory", None)
    if spec is None or spec.origin is None or set_folder is None:
        return
    resources = Path(spec.origin).parent / "resources"
    if name == "Terminologies":
        set_folder(str(resources / "terminologies"))
    elif name == "VolumeRendering":
        set_folder(str(resources))

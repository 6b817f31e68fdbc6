"""Slice and 3D views of a scene without a window: the same displayable managers that draw in the desktop."""

from types import TracebackType
from typing import Any, Self

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray
from vtk.util import numpy_support

from BoneAblationPlannerLib.scene.convert import vtk_matrix
from BoneAblationPlannerLib.scene.runtime import application_logic, quiet_vtk, slicer_module
from BoneAblationPlannerLib.views.planes import Plane

_SLICE_MANAGERS = ("vtkMRMLModelSliceDisplayableManager", "vtkMRMLSegmentationsDisplayableManager2D")
_THREED_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
)

Pixels = NDArray[np.uint8]


class _View:
    """A render window, the displayable managers of one view node, and the nodes to take away afterwards."""

    def __init__(self, scene: Any, factory: Any, managers: tuple[str, ...], size: tuple[int, int]) -> None:
        self.scene = scene
        self.size = size
        self.application = application_logic(scene)
        self._known = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
        self.renderer = vtk.vtkRenderer()
        with quiet_vtk():  # without an X server VTK warns before it turns to EGL
            self.window = vtk.vtkRenderWindow()
            self.window.SetOffScreenRendering(1)
            self.window.Initialize()
        self.window.SetMultiSamples(0)  # with samples, software OpenGL drops translucent models
        self.window.SetSize(*size)
        self.window.AddRenderer(self.renderer)
        self._add_first_prop()
        interactor = vtk.vtkGenericRenderWindowInteractor()
        interactor.SetRenderWindow(self.window)
        interactor.EnableRenderOff()
        interactor.Initialize()
        interactor.UpdateSize(*size)
        self.interactor = interactor
        self.managers = self._make_managers(factory, managers)

    def _add_first_prop(self) -> None:
        """The CT has to be the first prop of a slice view, or what comes later blends over black."""

    def _make_managers(self, factory_class: Any, names: tuple[str, ...]) -> Any:
        # A factory of our own: the desktop's singleton is left as it is.
        factory = factory_class()
        factory.SetMRMLApplicationLogic(self.application)
        for name in names:
            factory.RegisterDisplayableManager(name)
        group = slicer_module().vtkMRMLDisplayableManagerGroup()
        group.SetRenderer(self.renderer)
        group.Initialize(factory, self.renderer)
        return group

    def pixels(self) -> Pixels:
        """Render; (height, width, 3) uint8, first row on top."""
        self.window.Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self.window)
        grabber.SetInputBufferTypeToRGB()
        grabber.ReadFrontBufferOff()
        grabber.ShouldRerenderOff()
        grabber.Update()
        image = grabber.GetOutput()
        width, height, _ = image.GetDimensions()
        flat = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
        return np.array(flat.reshape(height, width, -1)[::-1, :, :3])

    def close(self) -> None:
        """Take every node away that the view brought into the scene."""
        self.managers.SetMRMLDisplayableNode(None)
        self.window.Finalize()
        added = [self.scene.GetNthNode(n) for n in range(self.scene.GetNumberOfNodes())]
        for node in [n for n in added if n.GetID() not in self._known]:
            self.scene.RemoveNode(node)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SliceView(_View):
    """A slice view that shows a volume, segments and models on any plane."""

    def __init__(self, scene: Any, size: tuple[int, int] = (800, 800), name: str = "BonePlan") -> None:
        slicer = slicer_module()
        super().__init__(scene, slicer.vtkMRMLSliceViewDisplayableManagerFactory, _SLICE_MANAGERS, size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(self.application)
        self.logic.SetMRMLScene(scene)
        self.node = self.logic.AddSliceNode(scene.GenerateUniqueName(name))
        self.node.SetMappedInLayout(1)
        self.managers.SetMRMLDisplayableNode(self.node)
        self.logic.ResizeSliceNode(*size)

    def _add_first_prop(self) -> None:
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        self.image = vtk.vtkActor2D()
        self.image.SetMapper(mapper)
        self.image.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self.image)

    def show(self, volume: Any) -> None:
        """Choose the background volume."""
        self.logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())

    def place(self, plane: Plane, field_of_view_mm: float) -> None:
        """Look at a plane; the field of view is the picture's width."""
        width, height = self.size
        self.node.GetSliceToRAS().DeepCopy(vtk_matrix(plane.slice_to_ras()))
        self.node.SetFieldOfView(field_of_view_mm, field_of_view_mm * height / width, 1.0)
        self.node.UpdateMatrices()
        self.logic.UpdatePipeline()
        self.image.GetMapper().SetInputConnection(self.logic.GetImageDataConnection())

    def close(self) -> None:
        """Take the view's nodes away; the logic first, as it observes them."""
        self.image.GetMapper().RemoveAllInputConnections(0)
        self.managers.SetMRMLDisplayableNode(None)
        self.logic.SetMRMLScene(None)
        super().close()


class ThreeDView(_View):
    """A 3D view on a white background, without the box and letters of the desktop."""

    def __init__(self, scene: Any, size: tuple[int, int] = (800, 800), name: str = "BonePlan") -> None:
        slicer = slicer_module()
        super().__init__(scene, slicer.vtkMRMLThreeDViewDisplayableManagerFactory, _THREED_MANAGERS, size)
        self.logic = slicer.vtkMRMLViewLogic()
        self.logic.SetMRMLApplicationLogic(self.application)
        self.logic.SetMRMLScene(scene)
        self.node = self.logic.AddViewNode(scene.GenerateUniqueName(name))
        self.node.SetMappedInLayout(1)
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)
        self.node.SetBackgroundColor(1.0, 1.0, 1.0)
        self.node.SetBackgroundColor2(1.0, 1.0, 1.0)
        self.node.SetUseDepthPeeling(True)
        self.managers.SetMRMLDisplayableNode(self.node)

    def look(self, focus_ras_mm: ArrayLike, direction: ArrayLike, up: ArrayLike, height_mm: float) -> None:
        """Look along a direction at a point, in parallel projection, so that lengths on the screen can be compared."""
        focus, d = np.asarray(focus_ras_mm, dtype=float), np.asarray(direction, dtype=float)
        camera = self.renderer.GetActiveCamera()
        camera.SetFocalPoint(*focus)
        camera.SetPosition(*(focus - 1000.0 * d / np.linalg.norm(d)))
        camera.SetViewUp(*np.asarray(up, dtype=float))
        camera.ParallelProjectionOn()
        camera.SetParallelScale(height_mm / 2)
        self.renderer.ResetCameraClippingRange()

    def to_screen(self, point_ras_mm: ArrayLike) -> tuple[float, float]:
        """Pixel (column, row from the top) of a point."""
        self.renderer.SetWorldPoint(*np.asarray(point_ras_mm, dtype=float), 1.0)
        self.renderer.WorldToDisplay()
        x, y, _ = self.renderer.GetDisplayPoint()
        return float(x), self.size[1] - 1 - float(y)

    def close(self) -> None:
        """Take the view's nodes away; the logic first, as it observes them."""
        self.managers.SetMRMLDisplayableNode(None)
        self.logic.SetMRMLScene(None)
        super().close()

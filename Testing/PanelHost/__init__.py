"""A stand-in for Slicer's desktop: scripted modules run on PySide6 and a real MRML scene. Tests only.

`host.PanelHost` is the way in. It tests a module's own wiring (its .ui file, connections, parameter node, logic and
nodes), not Slicer's widgets; README.md says what is faithful and what is not.
"""

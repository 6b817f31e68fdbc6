"""The panel of cement, screws and stability; runs inside Slicer only."""

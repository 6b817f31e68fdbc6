"""What a person chooses from lists in the panels."""

import enum

from slicer.i18n import tr as _


class PatientPosition(enum.Enum):
    """How the patient will lie."""

    AS_SCANNED = None
    SUPINE = "supine"
    PRONE = "prone"
    LEFT_LATERAL = "left-lateral"
    RIGHT_LATERAL = "right-lateral"

    def label(self) -> str:
        """Text in the panel."""
        return {
            "AS_SCANNED": _("As scanned"),
            "SUPINE": _("Supine"),
            "PRONE": _("Prone"),
            "LEFT_LATERAL": _("On the left side"),
            "RIGHT_LATERAL": _("On the right side"),
        }[self.name]


class LesionSource(enum.Enum):
    """How the lesion is given."""

    POINT = "point"
    OUTLINE = "outline"

    def label(self) -> str:
        """Text in the panel."""
        return {"POINT": _("One point inside"), "OUTLINE": _("A finished outline")}[self.name]


class ModalityChoice(enum.Enum):
    """Which kind of ablation."""

    AUTO = None
    RFA = "rfa"
    MWA = "mwa"
    CRYO = "cryo"

    def label(self) -> str:
        """Text in the panel."""
        return {
            "AUTO": _("Proposed by the rules"),
            "RFA": _("Radiofrequency"),
            "MWA": _("Microwave"),
            "CRYO": _("Cryoablation"),
        }[self.name]


class IntentChoice(enum.Enum):
    """What the ablation is for."""

    CURATIVE = "curative"
    PALLIATIVE = "palliative"

    def label(self) -> str:
        """Text in the panel."""
        return {"CURATIVE": _("Curative"), "PALLIATIVE": _("Palliative (pain)")}[self.name]

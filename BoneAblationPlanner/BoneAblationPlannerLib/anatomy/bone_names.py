"""Which labels name a bone."""

import re

_BONE_NAME = re.compile(
    "(hip|sacrum|coccyx|femur|vertebra|humerus|scapula|clavic|sternum|rib(s|_|$)|skull|tibia|fibula|patella|radius|ulna|"
    "carpal|metacarpal|tarsal|metatarsal|phalanges|mandible|hyoid|zygomatic_arch|styloid_process)"
    "(?!.*(implant|prosthes|joint|cartilage|muscle|nerve|arter|vein|disc))"
)


def is_bone_label(name: str) -> bool:
    """Whether an organ label (TotalSegmentator v2 spelling) names a bone."""
    return _BONE_NAME.match(name.lower().replace(" ", "_")) is not None

"""Which of MediaPipe's 478 face points lie where.

Left and right are the subject's. Points 0-467 are the face mesh (also the vertices of the canonical face model), 468-472
are the right iris, 473-477 the left one; each iris begins with its centre. Sources: ``FACEMESH_*`` connections of
MediaPipe (Apache-2.0) for the contours; pairs and patches were picked on the canonical face model.
"""

from __future__ import annotations

__all__ = [
    "CHEEKS",
    "FACE_OVAL",
    "INNER_LIPS",
    "IRISES",
    "LEFT_EYE",
    "LEFT_EYEBROW",
    "LEFT_IRIS",
    "LID_PAIRS",
    "LIP_PAIRS",
    "MOUTH_CORNERS",
    "NOSE_TIP",
    "NUM_LANDMARKS",
    "NUM_MESH_LANDMARKS",
    "OUTER_LIPS",
    "RIGHT_EYE",
    "RIGHT_EYEBROW",
    "RIGHT_IRIS",
    "TRAGI",
    "UNDER_EYES",
]

NUM_LANDMARKS = 478
NUM_MESH_LANDMARKS = 468

# Clockwise for the viewer, from the middle of the hair line.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# Closed contours; the lower lid from the outer corner to the inner one, then back along the upper lid.
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)

LEFT_EYEBROW = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336)
RIGHT_EYEBROW = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107)

# Closed contours from the subject's right corner along the lower lip, then back along the upper lip.
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
MOUTH_CORNERS = (61, 291)

# (upper, lower) points of the inner lips that meet when the mouth is shut, from the subject's right to left.
LIP_PAIRS = ((80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318))
# (upper, lower) lid points that meet in a blink: left eye, right eye.
LID_PAIRS = (((386, 374), (385, 380), (387, 373)), ((159, 145), (158, 153), (160, 144)))

RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
IRISES = (LEFT_IRIS, RIGHT_IRIS)

NOSE_TIP = 4
CHEEKS = (50, 280, 205, 425)
# Skin below the lower lid: left, right.
UNDER_EYES = ((450, 449, 451), (230, 229, 231))
# In front of the ears: right, left.
TRAGI = (234, 454)

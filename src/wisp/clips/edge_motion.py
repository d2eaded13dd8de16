"""Motion of alpha's edge: the subject's own, whatever the background does, to less than a pixel.

The subject's motion is carried outwards over its edge, where optical flow mixes both sides. What is left of a
shift is found by laying old and new alpha on each other (Lucas and Kanade 1981, "An Iterative Image
Registration Technique with an Application to Stereo Vision", IJCAI). All of it on small pictures.
"""

from __future__ import annotations

import numpy as np

from wisp.clips.flow import Small, unexplained, warp
from wisp.core.arrays import Alpha, Float
from wisp.core.opencv import opencv, repeat_plane
from wisp.core.settings import CLIPS


def edge_motion(
    before: Small, after: Small, flow: Float, opacity: Alpha, change: float
) -> tuple[Float, Float]:
    """The flow with the subject's own around its edge, and how far it is believed.

    Args:
        before: the earlier picture, uint8 (h, w, 3).
        after: the later one, likewise.
        flow: from each place of `after` to where it was in `before`, float32 (h, w, 2), pixels.
        opacity: the later alpha, float32 (h, w), [0, 1].
        change: difference of colour, on the scale 0–1, at which the flow is believed e times less.

    Returns:
        flow: float32 (h, w, 2).
        believed: float32 (h, w), [0, 1].
    """
    cv2 = opencv()
    flow = _subjects_own(flow, opacity)
    difference = unexplained(before, after, flow)
    # At the edge only the subject's share of the difference counts: the background may well move otherwise.
    plain = cv2.boxFilter(difference, -1, (5, 5))
    mass = cv2.boxFilter(opacity * opacity, -1, (5, 5))
    own = cv2.boxFilter(difference * opacity * opacity, -1, (5, 5)) / np.maximum(mass, 1e-6)
    plain += np.minimum(CLIPS.motion_gain * mass, 1) * (own - plain)
    believed: Float = np.exp(-((plain / np.float32(change)) ** 2))
    return flow, believed


def _subjects_own(flow: Float, opacity: Alpha) -> Float:
    """The flow, with that of the subject's inside carried outwards over its edge.

    Right at the edge the search mixes both sides' motions, so what is carried comes from farther inside.
    """
    cv2 = opencv()
    inside = cv2.erode(opacity * opacity, np.ones((CLIPS.inside, CLIPS.inside), np.uint8))
    inside += np.float32(1e-4) * opacity
    size = (CLIPS.carried, CLIPS.carried)
    mass = np.maximum(cv2.boxFilter(inside, -1, size), np.float32(1e-9))
    carried = cv2.boxFilter(flow * repeat_plane(inside, 2), -1, size)
    carried /= repeat_plane(mass, 2)
    near = np.minimum(CLIPS.motion_gain * cv2.boxFilter(opacity, -1, size), 1) * (1 - inside)
    own: Float = flow + repeat_plane(near, 2) * (carried - flow)
    return own


def align(flow: Float, old: Alpha, new: Alpha, believed: Float) -> Float:
    """The flow, corrected by less than a pixel so that the old alpha, moved along, lies on the new one.

    One step of Lucas and Kanade's least squares, over windows; what is not believed, or differs too much to
    be a shift, has no say.

    Args:
        flow: float32 (h, w, 2), as in `edge_motion`.
        old: the earlier alpha, float32 (h, w), [0, 1].
        new: the later one, likewise.
        believed: as `edge_motion` gives it.

    Returns:
        float32 (h, w, 2).
    """
    cv2 = opencv()
    source = warp(old, flow, cubic=False)
    missing = new - source
    weight = believed * (np.abs(missing) < CLIPS.shifted)
    across, down = (cv2.Sobel(source, -1, x, 1 - x, scale=1 / 8) for x in (1, 0))

    def total(plane: Float) -> Float:
        return np.asarray(cv2.boxFilter(weight * plane, -1, (CLIPS.window, CLIPS.window)), np.float32)

    a, b, c = total(across * across) + CLIPS.firm, total(across * down), total(down * down) + CLIPS.firm
    x, y = total(across * missing), total(down * missing)
    least = a * c - b * b
    shift = cv2.merge([(c * x - b * y) / least, (a * y - b * x) / least])
    aligned: Float = flow + shift.clip(-1, 1)
    return aligned

"""The protocol of Composition-1k: composites scored where their trimaps are unknown.

Xu et al., "Deep Image Matting" (CVPR 2017), section 5.2 and table 1: 50 foregrounds on 20 backgrounds each;
SAD, MSE, Grad and Conn over the unknown region, SAD, Grad and Conn in thousands. The composites of one
foreground share its alpha; names say which: ``NAME_K`` is composite K of the foreground ``NAME``.

Two layouts are read: that of ``wisp compose --split test --trimaps``, an alpha and a trimap a composite, and
the authors' own, an alpha a foreground in ``alpha/`` and a trimap a composite in ``trimaps/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wisp.core.errors import InputError
from wisp.evaluation.protocols import Pair, Pairing, check_places, files_of, only

PROTOCOL: Final = "composition-1k"
IMAGES: Final = 1000
"""How many composites the published set has."""
TRIMAPS: Final = ("trimap", "trimaps")


def find_composites(
    predictions: Path | str, truth: Path | str, *, trimaps: Path | str | None = None
) -> Pairing:
    """Pair every composite that has a trimap with its prediction and its true alpha, without opening a file.

    Args:
        predictions: folder of predictions, ``NAME_K`` each.
        truth: folder of true alphas, ``NAME_K`` or ``NAME``; or the folder of the set, with ``alpha/`` and
            ``trimap/`` or ``trimaps/``.
        trimaps: folder of trimaps, ``NAME_K`` each; that of the set when None.

    Raises:
        InputError: a folder that is missing or holds no pictures, or a composite without prediction or truth.
    """
    root = Path(truth)
    alphas = root / "alpha" if (root / "alpha").is_dir() else root
    if trimaps is None:
        trimaps = next((root / name for name in TRIMAPS if (root / name).is_dir()), None)
    if trimaps is None:
        raise InputError("--trimaps", "is missing", "the folder of a trimap a composite is accepted")
    check_places(predictions, alphas, trimaps=trimaps)
    if not Path(predictions).is_dir():
        raise InputError(predictions, "is a file", "a folder of predictions is accepted")
    predicted, truths, drawn = files_of(predictions), files_of(alphas), files_of(trimaps)
    if not drawn:
        raise InputError(trimaps, "holds no images")
    pairs = []
    for name, files in sorted(drawn.items()):
        if name not in predicted:
            accepted = f"a file of that name, {name}.png, is accepted"
            raise InputError(name, f"has no prediction in {predictions}", accepted)
        foreground = name if name in truths else name.rpartition("_")[0]
        if foreground not in truths:
            raise InputError(name, f"has no true alpha in {alphas}", f"{name}.png is accepted")
        pairs.append(Pair(name, only(predicted[name]), only(truths[foreground]), only(files)))
    ignored = sum(len(files) for name, files in predicted.items() if name not in drawn)
    return Pairing(tuple(pairs), ignored)

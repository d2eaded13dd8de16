"""Make ``classical_pymatting.npz``: what pymatting 1.1.16 finds on a made-up photo of 49×61 pixels.

Run with the ``bench`` dependency group installed, from the root of the repository::

    python tests/reference/classical_pymatting.py

pymatting is run with its default parameters, except for a tolerance of 1e-12 for closed-form. The photo is
that of ``scene((49, 61), "band")`` of ``tests/matting/classical/scenes.py``, stored beside the results.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent.parent


def main() -> None:
    sys.path.insert(0, str(TESTS))
    from pymatting import estimate_alpha_cf, estimate_alpha_knn, estimate_alpha_rw

    from matting.classical.scenes import REFERENCE, scene

    image, trimap = scene((49, 61), "band")
    arguments = image.astype(np.float64), trimap / 255
    np.savez_compressed(
        REFERENCE,
        image=image,
        trimap=trimap,
        closed_form=estimate_alpha_cf(*arguments, cg_kwargs={"rtol": 1e-12}).astype(np.float32),
        knn=estimate_alpha_knn(*arguments).astype(np.float32),
        random_walk=estimate_alpha_rw(*arguments).astype(np.float32),
        provenance=json.dumps({"pymatting": version("pymatting"), "made by": Path(__file__).name}),
    )


if __name__ == "__main__":
    main()

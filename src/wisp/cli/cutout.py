"""``wisp cutout``: photos to files with alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wisp.cli import options as o
from wisp.cli.bundles import with_bundles

if TYPE_CHECKING:
    from wisp.core.arrays import Matte
    from wisp.io.images import Photo
    from wisp.pipeline import Result


@with_bundles
def cutout_command(
    inputs: o.InputsArgument,
    options: o.PhotoOptions,
) -> None:
    """Cut the subject out: a file with alpha and the subject's own colours."""
    from wisp.cli.photos import process

    process(
        inputs,
        options,
        _matte,
        opaque=False,
    )


def _matte(photo: Photo, result: Result) -> Matte:
    return result.matte

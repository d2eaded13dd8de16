"""How a figure's mattes are made: the options of the pipeline, the same for every photo."""

from __future__ import annotations

from dataclasses import dataclass

from wisp.core.arrays import Alpha, Image, Mask, Trimap
from wisp.engine.engine import ENGINE, Engine
from wisp.pipeline import Result, estimate, run


@dataclass(frozen=True)
class Running:
    """The options of `wisp.cutout` that a figure passes on; the defaults follow the default method."""

    method: str = "auto"
    model: str | None = None
    engine: Engine = ENGINE

    def __call__(self, image: Image, mask: Mask | None = None) -> Result:
        """The matte of a photo, float32 (H, W, 3), from a mask (H, W) where one is given."""
        return run(
            image,
            method=self.method,
            mask=mask,
            model=self.model,
            engine=self.engine,
        )

    def alpha(self, image: Image, trimap: Trimap) -> Alpha:
        """Alpha (H, W) of a photo (H, W, 3) from a trimap (H, W), without foreground colours."""
        return estimate(
            image,
            self.method,
            trimap,
            None,
            model=self.model,
            engine=self.engine,
        ).alpha

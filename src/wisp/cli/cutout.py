"""``wisp cutout``: photos to files with alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wisp.cli import options as o

if TYPE_CHECKING:
    from wisp.core.arrays import Matte
    from wisp.io.images import Photo
    from wisp.pipeline import Result


def cutout_command(
    inputs: o.InputsArgument,
    out: o.OutOption,
    save_alpha: o.SaveAlphaOption = None,
    save_foreground: o.SaveForegroundOption = None,
    subject: o.SubjectOption = "auto",
    method: o.MethodOption = "auto",
    model: o.ModelOption = None,
    trimap: o.TrimapOption = None,
    mask: o.MaskOption = None,
    alpha: o.AlphaOption = None,
    width: o.WidthOption = None,
    plate: o.PlateOption = None,
    refine: o.RefineOption = "none",
    smooth: o.SmoothOption = None,
    ssrn: o.SSRNOption = None,
    bits: o.BitsOption = None,
    format: o.FormatOption = None,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    jobs: o.JobsOption = 0,
    page: o.PageOption = None,
    max_pixels: o.MaxPixelsOption = o.MAX_PIXELS,
    overwrite: o.OverwriteOption = False,
    skip_existing: o.SkipExistingOption = False,
    keep_metadata: o.KeepMetadataOption = False,
    strict: o.StrictOption = False,
    ignore_alpha: o.IgnoreAlphaOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Cut the subject out: a file with alpha and the subject's own colours."""
    from wisp.cli.photos import Options, process

    process(
        inputs,
        Options(
            out=out,
            save_alpha=save_alpha,
            save_foreground=save_foreground,
            subject=subject,
            method=method,
            model=model,
            trimap=trimap,
            mask=mask,
            alpha=alpha,
            width=width,
            plate=plate,
            refine=refine,
            smooth=smooth,
            ssrn=ssrn,
            bits=o.as_bits(bits),
            format=format,
            device=device,
            precision=precision,
            jobs=jobs,
            page=page,
            max_pixels=max_pixels,
            overwrite=overwrite,
            skip_existing=skip_existing,
            keep_metadata=keep_metadata,
            strict=strict,
            ignore_alpha=ignore_alpha,
            quiet=quiet,
        ),
        _matte,
        opaque=False,
    )


def _matte(photo: Photo, result: Result) -> Matte:
    return result.matte

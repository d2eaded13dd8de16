"""Video files of a second or less, made with PyAV, that stand in for phones, cameras and broadcasts."""

from fractions import Fraction

import av
import numpy as np

VARIABLE = [Fraction(n, 90) for n in (0, 3, 5, 9, 10, 14, 20, 21, 30, 33)]
"""Times in seconds, at a rate that varies."""


def regular(frames, rate=30):
    """Times at a constant rate."""
    return [Fraction(n, rate) for n in range(frames)]


def corners(height, width):
    """A picture whose quarters tell which way up it is: red, green / blue, grey. uint8 (H, W, 3)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = height // 2, width // 2
    pixels[:top, :left] = (220, 40, 40)
    pixels[:top, left:] = (40, 200, 40)
    pixels[top:, :left] = (40, 40, 210)
    pixels[top:, left:] = (128, 128, 128)
    return pixels


def moving_disc(index, height, width, *, step=1.0, softness=4.0):
    """A bright disc on a dark ground that wanders right: image uint8 (H, W, 3) and alpha float64 (H, W)."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - width * 0.4 - step * index)
    alpha = np.clip((0.3 * min(height, width) - distance) / softness + 0.5, 0, 1)
    ground = np.dstack([20 + 20 * columns / width, 20 + 20 * rows / height, np.full((height, width), 30.0)])
    image = alpha[..., None] * (240, 205, 180) + (1 - alpha[..., None]) * ground
    return np.rint(image).astype(np.uint8), alpha


def write_clip(
    path,
    pictures,
    times=None,
    *,
    codec="libx264",
    pixel_format="yuv420p",
    tick=Fraction(1, 90),
    audio=None,
    rotation=None,
    aspect=None,
    matrix=1,
    full=False,
    transfer=1,
    primaries=1,
    options=None,
    container=None,
):
    """Write pictures, uint8 (H, W, 3) each, to a video file; `audio` is FFmpeg's name of an encoder."""
    times = regular(len(pictures)) if times is None else times
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", options=container or {}) as out:
        video = out.add_stream(codec, rate=30, options=options or {"crf": "5"} if "264" in codec else {})
        video.height, video.width, video.pix_fmt = height, width, pixel_format
        video.time_base = video.codec_context.time_base = tick
        context = video.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_trc, context.color_primaries = transfer, primaries
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if rotation is not None:
            video.set_display_rotation(rotation)
        sound = None if audio is None else out.add_stream(audio, rate=48000, layout="stereo")
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture).reformat(
                format=pixel_format,
                src_color_range=2,
                dst_colorspace={1: 1, 6: 5, 9: 9}[matrix],
                dst_color_range=2 if full else 1,
                interpolation=2 | 0x40000,
            )
            frame.pts, frame.time_base = round(time / tick), tick
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            out.mux(_noise(sound, float(times[-1]) + 1 / 30))
            out.mux(sound.encode(None))
    return path


def packets(path, kind="audio"):
    """The bytes of every packet of a file's first stream of a kind, in order."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def _noise(stream, seconds):
    rng = np.random.default_rng(0)
    context = stream.codec_context
    if not context.is_open:
        context.open()
    size = context.frame_size or 1024
    resampler = av.AudioResampler(context.format, context.layout, context.sample_rate)
    found = []
    for start in range(0, int(48000 * seconds), size):
        samples = rng.normal(0, 0.1, (2, size)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        for part in resampler.resample(frame):
            found += stream.encode(part)
    return found

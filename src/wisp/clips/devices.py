"""Cameras of the system: which there are, and how one is opened, by FFmpeg.

Video4Linux on Linux, AVFoundation on macOS, DirectShow on Windows.
"""

from __future__ import annotations

import errno
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from wisp.clips.io.ffmpeg import open_input, pyav
from wisp.core.errors import InputError

_DRIVERS: Final = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}

_HOW_TO_LIST: Final = "wisp camera --list names those that are there"


class MissingDeviceError(InputError):
    """A device that is not there (any more)."""


@dataclass(frozen=True)
class Wanted:
    """Picture size, rate and coding that a camera is asked for.

    Attributes:
        size: height and width of its pictures, pixels; None leaves it to the device.
        fps: pictures a second; None leaves it to the device.
        mjpeg: ask for JPEG pictures, which many USB cameras need for large sizes at full rate.
    """

    size: tuple[int, int] | None = None
    fps: Fraction | None = None
    mjpeg: bool = False


def list_devices(platform: str = sys.platform) -> list[str]:
    """The cameras that there are, each as ``name to give: description``.

    Raises:
        InputError: the system does not tell.
    """
    driver = _driver(platform)
    try:
        found = pyav().device.enumerate_input_devices(driver)
    except (pyav().FFmpegError, ValueError, OSError) as error:
        accepted = "--device with a number from 0 is accepted"
        raise InputError("--list", f"this system's cameras cannot be listed ({error})", accepted) from error
    kept = [item for item in found if not item.media_types or "video" in item.media_types]
    lines = []
    for number, item in enumerate(kept):
        name = item.name.removeprefix("/dev/video") if driver == "v4l2" else str(number)
        lines.append(f"{name}: {item.description}")
    return lines


def open_device(device: str, wanted: Wanted | None = None, platform: str = sys.platform) -> tuple[Any, bool]:
    """FFmpeg's container of a device, or of a file that stands in for one; and whether it is live.

    Args:
        device: the number of a device or its path, or a video file.
        wanted: what it is asked for.
        platform: as `sys.platform` has it.

    Raises:
        MissingDeviceError: there is no such device.
        InputError: another program has it, it may not be used, it cannot do what is wanted, or is no camera.
        MissingExtraError: PyAV is not installed.
    """
    if not device.isdecimal() and Path(device).is_file():
        return open_input(device), False
    av = pyav()
    name, driver = source_of(device, platform)
    try:
        return av.open(name, format=driver, options=_options(wanted or Wanted(), driver)), True
    except (av.FFmpegError, ValueError) as error:
        raise _told(device, error, wanted, platform) from error


def source_of(device: str, platform: str = sys.platform) -> tuple[str, str]:
    """FFmpeg's name of a device, and of its driver.

    Raises:
        MissingDeviceError: Windows has no device of that number.
    """
    driver = _driver(platform)
    if driver == "avfoundation":
        return device, driver
    if driver == "v4l2":
        return (f"/dev/video{device}" if device.isdecimal() else device), driver
    if not device.isdecimal():
        return f"video={device}", driver
    found = [item for item in pyav().device.enumerate_input_devices(driver) if "video" in item.media_types]
    if int(device) >= len(found):
        names = ", ".join(item.description for item in found) or "none"
        raise MissingDeviceError(f"--device {device}", "is not there", f"cameras: {names}")
    return f"video={found[int(device)].name}", driver


def _driver(platform: str) -> str:
    return _DRIVERS.get(platform, "v4l2")


def _options(wanted: Wanted, driver: str) -> dict[str, str]:
    options = {}
    if wanted.size is not None:
        options["video_size"] = f"{wanted.size[1]}x{wanted.size[0]}"
    if wanted.fps is not None:
        options["framerate"] = str(wanted.fps)
    elif driver == "avfoundation":
        options["framerate"] = "30"  # its own default, 29.97, most cameras refuse
    if wanted.mjpeg:
        if driver == "avfoundation":
            raise InputError("--mjpeg", "is not for macOS, which chooses by itself", "leave it out")
        options["input_format" if driver == "v4l2" else "vcodec"] = "mjpeg"
    return options


def _told(device: str, error: Exception, wanted: Wanted | None, platform: str) -> InputError:
    """The error of a device in the user's words: missing, busy, forbidden, or unable."""
    name, number = f"--device {device}", getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return MissingDeviceError(name, "is not there", _HOW_TO_LIST)
    if number == errno.EBUSY:
        return InputError(name, "is busy: another program has it", "close that program, or choose another")
    if number in (errno.EACCES, errno.EPERM):
        advice = {
            "darwin": "allow the terminal under System Settings, Privacy & Security, Camera",
            "win32": "allow desktop apps under Settings, Privacy, Camera",
        }.get(platform, "sudo usermod -aG video $USER, then log in again, allows it")
        return InputError(name, "may not be used", advice)
    if number == errno.ENOTTY:
        return InputError(name, "is no camera", _HOW_TO_LIST)
    if wanted is not None and wanted != Wanted():
        asked = ", ".join(f"{key} {value}" for key, value in _options(wanted, _driver(platform)).items())
        return InputError(name, f"cannot be opened with {asked}", "without --size, --fps or --mjpeg it may")
    return InputError(name, f"cannot be opened ({getattr(error, 'strerror', None) or error})", _HOW_TO_LIST)

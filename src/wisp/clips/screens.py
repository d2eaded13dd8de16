"""Where live pictures are shown: a camera that other programs see, and a window."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np

from wisp.clips.io.frame import ClipInfo
from wisp.core.arrays import Bytes
from wisp.core.errors import InputError

Picture: TypeAlias = Bytes


class Screen(Protocol):
    """A place where live pictures are shown."""

    def show(self, picture: Picture, status: str) -> bool:
        """Show a picture, uint8 (H, W, 3), and a line about it; False when the user has closed it."""


class VirtualCamera:
    """A camera that other programs see, by `pyvirtualcam`.

    Args:
        info: of the real camera.
        backend: pyvirtualcam's name of a driver; None takes the first that works.

    Raises:
        InputError: the package is missing, or the system has no virtual camera.
    """

    def __init__(self, info: ClipInfo, backend: str | None = None) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            advice = "pip install pyvirtualcam brings it (GPL-2.0)"
            raise InputError("--virtual-camera", "needs the package pyvirtualcam", advice) from error
        try:
            self._camera: Any = pyvirtualcam.Camera(
                info.width,
                info.height,
                float(info.rate),
                fmt=pyvirtualcam.PixelFormat.RGB,
                **({} if backend is None else {"backend": backend}),
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            advice = "docs/camera.md says how one is set up"
            raise InputError("--virtual-camera", f"is not there ({reason})", advice) from error

    def show(self, picture: Picture, status: str = "") -> bool:
        """Send a picture to the virtual camera; True, as nobody can close it."""
        self._camera.send(picture)
        return True

    def close(self) -> None:
        """Give the virtual camera back."""
        self._camera.close()


class Preview:
    """A window with a line on rate and latency; closing it ends the session.

    Attributes:
        pressed: keys since they were taken last, as `Controls.press` knows them.

    Args:
        title: of the window.

    Raises:
        InputError: there is no display, or this Python has no Tk.
    """

    def __init__(self, title: str = "wisp") -> None:
        try:
            import tkinter
        except ImportError as error:
            raise InputError("--preview", "needs Tk, which this Python lacks") from error
        try:
            self._window = tkinter.Tk()
        except tkinter.TclError as error:
            raise InputError("--preview", f"has no display to show on ({error})") from error
        self._window.title(title)
        self._window.protocol("WM_DELETE_WINDOW", self._close)
        self._label = tkinter.Label(self._window)
        self._label.pack()
        self._status = tkinter.Label(self._window, anchor="w", font="TkFixedFont")
        self._status.pack(fill="x")
        self.pressed: list[str] = []
        self._window.bind("<Key>", lambda event: self.pressed.append(key_of(event.keysym, event.char)))
        self._tk = tkinter
        self._open = True

    def show(self, picture: Picture, status: str = "") -> bool:
        """Show a picture and the line under it; False once the window is closed."""
        if self._open:
            self._status.configure(text=status)
            image = self._tk.PhotoImage(data=as_ppm(picture), format="PPM")
            self._label.configure(image=image)
            self._shown = image  # Tk keeps no reference of its own
            self._window.update()
        return self._open

    def close(self) -> None:
        """Close the window."""
        if self._open:
            self._close()

    def _close(self) -> None:
        self._open = False
        self._window.destroy()


def key_of(symbol: str, character: str) -> str:
    """The name of a key that Tk calls so: ``space``, or its character."""
    return "space" if symbol == "space" else character or symbol


def as_ppm(picture: Picture) -> bytes:
    """uint8 (H, W, 3) as the bytes of a PPM file."""
    height, width = picture.shape[:2]
    return b"P6 %d %d 255 " % (width, height) + np.ascontiguousarray(picture).tobytes()

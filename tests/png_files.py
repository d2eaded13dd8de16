"""PNGs put together byte by byte."""

import struct
import zlib


def chunk(kind, data):
    """One chunk: its length, kind, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def one_bit_png(side, pixels=None):
    """A one-bit PNG of `side` × `side` pixels, black or of compressed rows: small, whatever it unpacks to."""
    if pixels is None:
        pixels = zlib.compress(bytes(side * (1 + (side + 7) // 8)), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

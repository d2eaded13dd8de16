"""Models that others publish: which there are, where their files lie here, and how they get here.

Nothing is fetched unless the user asks for that file: with ``wisp models pull``, or by naming published
weights that a training starts from. Whatever else needs a file takes it from the store, or says how to get it
there.

    >>> from wisp.engine.store import find, fetch, row_of
    >>> fetch(row_of("modnet"))  # doctest: +SKIP
    PosixPath('/home/me/.cache/wisp/models/modnet.onnx')
"""

from wisp.engine.store.download import fetch
from wisp.engine.store.places import find, folders, rows_here
from wisp.engine.store.rows import PUBLISHED, Published, row_of

__all__ = ["PUBLISHED", "Published", "fetch", "find", "folders", "row_of", "rows_here"]

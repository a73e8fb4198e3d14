"""A JSON header and plain arrays as bytes and back: nothing in them can execute (C7).

Layout: magic, 8 bytes header length, header (JSON, UTF-8), then a NumPy archive read with pickles forbidden.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifier.engine.errors import ArtifactError

Arrays = dict[str, NDArray[Any]]

MAX_BYTES: Final = 512 * 1024 * 1024
_MAX_HEADER: Final = 64 * 1024 * 1024
_MAX_UNPACKED: Final = 2 * 1024 * 1024 * 1024
DAMAGE: Final = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the libraries beneath raise for bytes that are not what they should be."""


def pack(magic: bytes, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The header and the arrays as bytes that begin with ``magic``."""
    body = io.BytesIO()
    np.savez_compressed(body, allow_pickle=False, **arrays)
    encoded = json.dumps(header, separators=(",", ":")).encode()
    return magic + len(encoded).to_bytes(8, "big") + encoded + body.getvalue()


def unpack(magic: bytes, data: bytes, formats: frozenset[int]) -> tuple[dict[str, Any], Arrays]:
    """The header and the arrays again.

    Raises ArtifactError for bytes of another kind, size or format, and one of ``DAMAGE`` for broken ones.
    """
    if len(data) > MAX_BYTES or not data.startswith(magic):
        raise ArtifactError("The stored bytes are not what they are named.")
    start = len(magic) + 8
    length = int.from_bytes(data[len(magic) : start], "big")
    if length > _MAX_HEADER:
        raise ArtifactError("The header of the stored model is too long.")
    header = json.loads(data[start : start + length])
    if not isinstance(header, dict) or header.get("format") not in formats:
        raise ArtifactError("The stored model has a format this version does not read.")
    body = io.BytesIO(data[start + length :])
    with zipfile.ZipFile(body) as packed:
        if sum(item.file_size for item in packed.infolist()) > _MAX_UNPACKED:
            raise ArtifactError("The stored model unpacks to more than a model needs.")
    body.seek(0)
    with np.load(body, allow_pickle=False) as archive:
        return header, {name: archive[name] for name in archive.files}

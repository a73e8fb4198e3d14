"""A trained model as bytes and back: a JSON header and plain arrays, nothing that can execute (C7).

Layout: magic, 8 bytes header length, header (JSON, UTF-8), then a NumPy archive read with pickles forbidden.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifier.engine.calibration import Calibrator
from classifier.engine.errors import ArtifactError
from classifier.engine.features import BLOCK_NAMES, Block, FeatureSettings, Vectorizer
from classifier.engine.linear import FieldModel, LinearWeights
from classifier.engine.metrics import Quality

FORMAT: Final = 1
_MAGIC: Final = b"SWMODEL1"
_MAX_BYTES: Final = 512 * 1024 * 1024
_MAX_HEADER: Final = 64 * 1024 * 1024
_MAX_UNPACKED: Final = 2 * 1024 * 1024 * 1024
_DAMAGE: Final = (
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


def dump_model(model: FieldModel) -> bytes:
    """The model as bytes; the same model always gives the same arrays."""
    vectorizer = model.vectorizer
    header = {
        "format": FORMAT,
        "labels": list(model.labels),
        "settings": {name: getattr(vectorizer.settings, name) for name in FeatureSettings.__slots__},
        "words": vectorizer.words,
        "ngrams": vectorizer.ngrams,
        "blocks": vectorizer.names,
        "temperature": model.calibrator.temperature,
        "knots": [list(knot) for knot in model.calibrator.knots],
        "quality": model.quality.to_json(),
        "snapshot": model.snapshot,
    }
    arrays: dict[str, NDArray[Any]] = {
        "coefficients": model.weights.coefficients,
        "intercepts": model.weights.intercepts,
        "prior": model.prior,
    }
    for name in vectorizer.names:
        arrays[f"keys_{name}"] = vectorizer.blocks[name].keys
        arrays[f"idf_{name}"] = vectorizer.blocks[name].idf
    body = io.BytesIO()
    np.savez_compressed(body, allow_pickle=False, **arrays)
    encoded = json.dumps(header, separators=(",", ":")).encode()
    return _MAGIC + len(encoded).to_bytes(8, "big") + encoded + body.getvalue()


def load_model(data: bytes, *, sha256: str = "") -> FieldModel:
    """The model again. Raises ArtifactError for bytes that are damaged or not those of ``sha256``."""
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise ArtifactError("The stored model is not the one that was trained.")
    if len(data) > _MAX_BYTES or not data.startswith(_MAGIC):
        raise ArtifactError("The stored bytes are not a model.")
    try:
        header, arrays = _parts(data)
        return _model(header, arrays)
    except ArtifactError:
        raise
    except _DAMAGE as error:
        raise ArtifactError(f"The stored model cannot be read: {type(error).__name__}.") from error


def _parts(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    start = len(_MAGIC) + 8
    length = int.from_bytes(data[len(_MAGIC) : start], "big")
    if length > _MAX_HEADER:
        raise ArtifactError("The header of the stored model is too long.")
    header = json.loads(data[start : start + length])
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ArtifactError("The stored model has a format this version does not read.")
    body = io.BytesIO(data[start + length :])
    with zipfile.ZipFile(body) as packed:
        if sum(item.file_size for item in packed.infolist()) > _MAX_UNPACKED:
            raise ArtifactError("The stored model unpacks to more than a model needs.")
    body.seek(0)
    with np.load(body, allow_pickle=False) as archive:
        return header, {name: archive[name] for name in archive.files}


def _model(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> FieldModel:
    names = [name for name in BLOCK_NAMES if name in header["blocks"]]
    vectorizer = Vectorizer(
        settings=FeatureSettings(**header["settings"]),
        words=[str(word) for word in header["words"]],
        ngrams=[str(ngram) for ngram in header["ngrams"]],
        blocks={name: Block(keys=arrays[f"keys_{name}"], idf=arrays[f"idf_{name}"]) for name in names},
    )
    labels = tuple(str(label) for label in header["labels"])
    weights = LinearWeights(arrays["coefficients"], arrays["intercepts"])
    if weights.coefficients.shape != (vectorizer.size, len(labels)):
        raise ArtifactError("The weights of the stored model do not fit its features.")
    return FieldModel(
        labels=labels,
        vectorizer=vectorizer,
        weights=weights,
        calibrator=Calibrator(
            float(header["temperature"]), tuple((float(a), float(b)) for a, b in header["knots"])
        ),
        prior=arrays["prior"],
        quality=Quality.from_json(header["quality"]),
        snapshot=str(header["snapshot"]),
    )

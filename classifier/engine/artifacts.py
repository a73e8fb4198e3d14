"""A trained model as bytes and back, packed without anything that can execute (C7)."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from numpy.typing import NDArray

from classifier.engine.calibration import Calibrator
from classifier.engine.errors import ArtifactError
from classifier.engine.features import BLOCK_NAMES, Block, FeatureSettings, Vectorizer
from classifier.engine.linear import FieldModel, LinearWeights
from classifier.engine.metrics import Quality
from classifier.engine.packing import DAMAGE, pack, unpack
from classifier.engine.scope import ScopeModel

FORMAT: Final = 2
"""1: without a scope. 2: with the scope, null for a model that was taught none."""
_READABLE: Final = frozenset({1, 2})
_MAGIC: Final = b"SWMODEL1"


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
        "scope": model.scope.to_json() if model.scope else None,
    }
    arrays: dict[str, NDArray[Any]] = {
        "coefficients": model.weights.coefficients,
        "intercepts": model.weights.intercepts,
        "prior": model.prior,
    }
    for name in vectorizer.names:
        arrays[f"keys_{name}"] = vectorizer.blocks[name].keys
        arrays[f"idf_{name}"] = vectorizer.blocks[name].idf
    return pack(_MAGIC, header, arrays)


def load_model(data: bytes, *, sha256: str = "") -> FieldModel:
    """The model again. Raises ArtifactError for bytes that are damaged or not those of ``sha256``."""
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise ArtifactError("The stored model is not the one that was trained.")
    try:
        return _model(*unpack(_MAGIC, data, _READABLE))
    except ArtifactError:
        raise
    except DAMAGE as error:
        raise ArtifactError(f"The stored model cannot be read: {type(error).__name__}.") from error


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
        scope=ScopeModel.from_json(header["scope"]) if header.get("scope") else None,
    )

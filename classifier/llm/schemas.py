"""From a pydantic model to the JSON schema dialect that providers accept in strict mode."""

from __future__ import annotations

from functools import lru_cache

from pydantic import BaseModel

# Strict mode knows structure and enums; bounds and lengths are stated in descriptions and checked by us.
_DROPPED = frozenset(
    {
        "title",
        "default",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "pattern",
        "format",
    }
)


def _strict(node: object, *, names_are_data: bool = False) -> object:
    """Return the node with every property required and nothing else allowed.

    Inside ``properties`` and ``$defs`` the keys are field names, which may be called like a keyword.
    """
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names_are_data:
        return {name: _strict(value) for name, value in node.items()}
    result = {
        key: _strict(value, names_are_data=key in {"properties", "$defs"})
        for key, value in node.items()
        if key not in _DROPPED
    }
    if "properties" in result:
        properties = result["properties"]
        result["required"] = list(properties) if isinstance(properties, dict) else []
        result["additionalProperties"] = False
    return result


@lru_cache(maxsize=128)
def strict_schema(model: type[BaseModel]) -> dict[str, object]:
    """Return the model's schema in the strict dialect; made once a model and shared, so read it only."""
    schema = _strict(model.model_json_schema())
    return schema if isinstance(schema, dict) else {}

"""The JSON Schema of a direct cost, and the request body for OpenAPI: made from FOCUS's columns."""

from __future__ import annotations

from typing import Any, Final

from services.intake.domain.direct import REQUIRED
from shared.focus import CANONICAL, Column

_DECIMAL: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_INSTANT: Final = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)? ?(Z|UTC|[+-]\d{2}(:?\d{2})?)?$"
_TYPES: Final[dict[str, dict[str, Any]]] = {
    "decimal": {"type": ["string", "number", "null"], "pattern": _DECIMAL},
    "datetime": {"type": ["string", "null"], "pattern": _INSTANT},
    "json": {"type": ["object", "null"]},
    "string": {"type": ["string", "null"]},
}


def _property(column: Column) -> dict[str, Any]:
    schema = _TYPES[column.type] | {"description": column.description}
    if column.name in REQUIRED:
        schema["type"] = [kind for kind in schema["type"] if kind != "null"]
    return schema


COST_SCHEMA: Final[dict[str, Any]] = {
    "title": "Cost",
    "description": "One cost by the columns of FOCUS 1.4 and your own x_ columns. What is not given is derived: the "
    "billing period is the month of ChargePeriodStart, ChargePeriodEnd a day after it, BilledCost 0, ListCost and "
    "ContractedCost the EffectiveCost, payer, issuer and provider the source, ChargeCategory Usage.",
    "type": "object",
    "required": list(REQUIRED),
    "properties": {column.name: _property(column) for column in CANONICAL},
    "patternProperties": {"^x_": {"type": ["string", "null"]}},
    "additionalProperties": False,
}

_EXAMPLE: Final = {
    "ServiceName": "Render farm", "ChargePeriodStart": "2026-09-03T00:00:00Z", "EffectiveCost": "12.50",
    "BillingCurrency": "EUR", "ConsumedQuantity": "5", "ConsumedUnit": "GPU-Hours", "Tags": {"team": "film"},
}  # fmt: skip

REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "array", "minItems": 1, "items": COST_SCHEMA}, "example": [_EXAMPLE],
        },
        "application/x-ndjson": {"schema": {"type": "string", "description": "One such object per line"}},
    },
}  # fmt: skip

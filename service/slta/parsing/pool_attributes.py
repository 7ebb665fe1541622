"""Pool attributes: validation of addresses and labels, which answers carry and placement ignores."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from slta.parsing.fields import Name

ADDRESS_PATTERN = r"^[!-+\--~]{1,255}$"
ADDRESS_RULE = "1 to 255 printable ASCII characters, but no space and no comma"
LABEL_PATTERN = r"^[^\x00-\x1f\x7f]*$"
LABEL_RULE = "no control characters"
MAX_LABELS = 16
MAX_LABEL_BYTES = 1024
"""Of all keys and values of a pool in UTF-8."""


def _check_size(labels: dict[str, str]) -> dict[str, str]:
    size = sum(len(text.encode(errors="surrogatepass")) for pair in labels.items() for text in pair)
    if size > MAX_LABEL_BYTES:
        raise PydanticCustomError("labels_size", "must have at most 1,024 bytes, keys and values together")
    return labels


Address = Annotated[str, Field(strict=True, pattern=ADDRESS_PATTERN)]
Labels = Annotated[
    dict[Name, Annotated[str, Field(strict=True, pattern=LABEL_PATTERN)]],
    Field(max_length=MAX_LABELS),
    AfterValidator(_check_size),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]

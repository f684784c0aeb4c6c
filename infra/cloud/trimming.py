"""Makes packages smaller where each cold start reads them: removes documentation, and AWS operations that we don't
call.

A new call of AWS: its operation in OPERATIONS; tests/unit/infra/cloud/test_trimming.py fails until it is there.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "dynamodb": (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"),
        *("TransactGetItems", "TransactWriteItems", "DescribeEndpoints"),  # the last: botocore itself, on request
    ),
    "kms": ("GetPublicKey", "Sign", "Verify"),
    "s3": ("GetObject", "PutObject", "ListObjectsV2", "CreateSession", "HeadBucket"),  # botocore calls the last two
    "ses": ("GetSendQuota", "SendRawEmail"),
    "sqs": (
        *("GetQueueUrl", "GetQueueAttributes", "SendMessage", "SendMessageBatch", "ReceiveMessage"),
        *("DeleteMessage", "ChangeMessageVisibility"),
    ),
    "ssm": ("GetParameters",),
}
"""The operations that are kept in a service's model. A service without a row keeps all its operations."""

STAND_INS: Mapping[str, str] = {
    "botocore/docs/__init__.py": "",
    "botocore/docs/docstring.py": """
class LazyLoadedDocstring(str):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        pass


class ClientMethodDocstring(LazyLoadedDocstring):
    pass


class WaiterDocstring(LazyLoadedDocstring):
    pass


class PaginatorDocstring(LazyLoadedDocstring):
    pass
""",
    "PIL/__init__.py": "",
    "PIL/Image.py": "",
    "urllib3/http2/__init__.py": "",
}
"""The modules that another text stands in for. botocore writes docstrings of the models' texts, which do not ship, and
loads an HTML parser for it. reportlab loads Pillow for images, which our documents have none of. urllib3 loads
importlib.metadata for the version of h2, which does not ship either."""


def replace_modules(site_packages: Path) -> None:
    """Writes the stand-ins. Raises FileNotFoundError when a package has no such module any more."""
    for path, text in STAND_INS.items():
        module = site_packages / path
        module.stat()
        module.write_text(text.lstrip())


def keep_operations(data: Path) -> None:
    """Leaves in botocore's models only the operations of OPERATIONS, with the shapes that they need."""
    for service, operations in OPERATIONS.items():
        for file in data.glob(f"{service}/*/service-2.json"):
            model = json.loads(file.read_bytes())
            file.write_text(json.dumps(with_operations(model, operations), separators=(",", ":")))


def with_operations(model: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Gives a service's model with these operations only. Raises KeyError for one that the service has not."""
    operations = {name: model["operations"][name] for name in names}
    needed: set[str] = set()
    found = {shape for operation in operations.values() for shape in _shapes_in(operation)}
    while found:
        needed |= found
        found = {shape for name in found for shape in _shapes_in(model["shapes"][name])} - needed
    return {**model, "operations": operations, "shapes": {k: v for k, v in model["shapes"].items() if k in needed}}


def _shapes_in(part: Any) -> Iterator[str]:
    """Finds the names of shapes that a part of a model refers to."""
    if isinstance(part, Mapping):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for inner in part.values():
            yield from _shapes_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _shapes_in(inner)

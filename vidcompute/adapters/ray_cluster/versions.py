"""What must be the same on every node: told by the head as it starts, asked by who wants to join."""

import importlib
import json
from collections.abc import Mapping
from typing import Any

_KEY, _NAMESPACE = b"versions", b"vidcompute"
_TIMEOUT_S = 10


def _head(address: str) -> Any:
    return importlib.import_module("ray._raylet").GcsClient(address=address)


def tell(address: str, versions: Mapping[str, str]) -> dict[str, str]:
    """Write down what the head runs."""
    _head(address).internal_kv_put(_KEY, json.dumps(dict(versions)).encode(), True, _NAMESPACE, _TIMEOUT_S)
    return dict(versions)


def ask(address: str) -> dict[str, str]:
    """What the head at this address runs; empty where it has not said so."""
    found = _head(address).internal_kv_get(_KEY, _NAMESPACE, _TIMEOUT_S)
    return dict(json.loads(found)) if found else {}

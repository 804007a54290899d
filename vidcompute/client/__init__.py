"""The Python client, generated from openapi.json."""

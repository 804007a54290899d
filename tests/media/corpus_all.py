"""Loads every part of the corpus."""

import importlib

PARTS = ("corpus_pictures", "corpus_sounds", "corpus_containers", "corpus_bad")


def load() -> None:
    """Have every part enter its cases; again does nothing."""
    for part in PARTS:
        importlib.import_module(f"tests.media.{part}")

"""Stages, artifacts, and recipes that return plans."""

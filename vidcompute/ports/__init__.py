"""Protocols and frozen values that adapters implement."""

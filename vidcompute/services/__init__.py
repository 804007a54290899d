"""The rules, a package per domain."""

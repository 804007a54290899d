"""The command-line edge: vidctl, a client of the HTTP API."""

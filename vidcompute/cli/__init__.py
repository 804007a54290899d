"""`vidctl`: a client of the HTTP API, and the commands of this machine that the composition root hands in."""

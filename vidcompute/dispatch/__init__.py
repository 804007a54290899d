"""The leader's loop: ready tasks, placed attempts, recorded results."""

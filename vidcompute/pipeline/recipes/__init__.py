"""Pure functions from what was probed and what was wanted to a plan."""

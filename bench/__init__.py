"""Measurements of the running platform: ratios in one run against what a user would run instead, and times."""

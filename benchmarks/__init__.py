"""Measurements against the targets of the design, each a ratio inside one run."""

"""Bounds on what a message may be."""

# As many brackets or elements within each other; no message of Alma's comes near.
MAX_DEPTH = 64

"""Measures, side by side in one run, almahook and what people write by hand."""

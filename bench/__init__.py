"""Measures, side by side in one run, almahook and what people would use instead."""

"""What ``almahook aws init`` writes: copied as text, never imported."""

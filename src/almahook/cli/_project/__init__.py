"""What ``almahook init`` writes into a new folder: copied as text, never imported."""

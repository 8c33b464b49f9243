"""A handler that ``almahook demo`` writes into its folder: copied as text, never imported."""

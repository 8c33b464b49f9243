"""``python -m almahook.cli``."""

from almahook.cli import main

main()

"""What is measured, one module each: ``run(bench)``, and how its table looks."""

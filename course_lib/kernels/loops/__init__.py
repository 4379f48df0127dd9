"""Plain loops over frames and samples, each with its formula, compiled when first called (`kernels/compiled.py`)."""

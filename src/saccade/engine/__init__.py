"""The engine: the only code that writes weights. `fit.py` holds the loop; it knows no task."""

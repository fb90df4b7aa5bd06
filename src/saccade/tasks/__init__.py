"""Tasks: what saccade can train. `base.py` is the only seam between a task and the engine."""

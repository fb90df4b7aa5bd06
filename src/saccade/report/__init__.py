"""Figures, comparisons and pages from records; needs no PyTorch."""

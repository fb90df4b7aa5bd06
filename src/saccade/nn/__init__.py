"""Blocks that two models share. Knows no recipe: sizes come as plain numbers."""

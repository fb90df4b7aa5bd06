"""Recipes: typed tables, the strict TOML loader, what changed between two of them, and their documentation."""

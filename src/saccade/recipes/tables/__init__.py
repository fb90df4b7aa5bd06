"""Every typed table of a recipe, one subject a file; `recipe.py` joins them."""

"""Recipes made from other programs' configurations; each says what it could not carry over, and what had no effect there."""

"""Images drawn on the fly, with labels that are right by construction."""

"""Images and labels without torch: read, checked, split, preprocessed, sampled and counted."""

"""The classify task: an image in, one of several classes out."""

"""The read task: an image of a line of text in, the text out."""

"""Changes to training images that leave the label true, and the measurement that they do."""

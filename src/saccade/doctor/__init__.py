"""What records say beyond their numbers: how much of a difference is noise, and to which change it belongs."""

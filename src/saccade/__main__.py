"""`python -m saccade`: the same as the command `saccade`."""

from saccade.cli import main

if __name__ == "__main__":
    main()

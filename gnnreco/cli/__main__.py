"""`python -m gnnreco.cli` is `gnnreco`."""

from .start import entry

if __name__ == "__main__":
    entry()

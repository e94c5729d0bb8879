"""`python -m gnnreco` is `gnnreco`."""

from gnnreco.cli import entry

if __name__ == "__main__":
    entry()

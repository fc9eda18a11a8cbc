"""``python -m envdiff``."""

from envdiff.cli import main

if __name__ == "__main__":
    main()

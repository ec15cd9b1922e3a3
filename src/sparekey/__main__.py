"""`python -m sparekey` is `sparekey`."""

from sparekey.cli import main

if __name__ == "__main__":
    main()

"""`python -m opencode`."""

from .cli import main

main()

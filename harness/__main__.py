"""`python -m optathlon`."""

from optathlon.cli import main

main()

"""`python -m handlers.cli` is `runlock`, in this very interpreter."""

from handlers.cli import main

main(prog_name="runlock")

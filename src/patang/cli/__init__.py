"""The command line: one file per command group, and one place where errors become exit codes."""

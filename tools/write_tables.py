#!/usr/bin/env python3
"""Writes the generated parts of the documents in docs/ from the tables and names of the code.

Usage: tools/write_tables.py [--check], with Patang installed. ``--check`` writes nothing and ends
with 1 when a document is out of date.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from official_calls import further_table, migration_table

from patang.domain.order import DONE, TRANSITIONS
from patang.wire.endpoints import ENDPOINTS, Endpoint, Standing

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- generated: tools/write_tables.py -->", "<!-- end -->"


def order_diagram() -> Iterator[str]:
    """The transition table as a state diagram."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> DENIED"
    yield "    [*] --> SUBMITTED"
    for status, following in TRANSITIONS.items():
        for next_status in sorted(following):
            yield f"    {status} --> {next_status}"
    for status in sorted(DONE):
        if not TRANSITIONS[status]:
            yield f"    {status} --> [*]"
    yield "```"


def endpoint_table() -> Iterator[str]:
    """One row for each route."""
    yield "| Name | Route | Parameters travel as | Rate class | Sent again | Known from | Call |"
    yield "|---|---|---|---|---|---|---|"
    for endpoint in ENDPOINTS.values():
        again = "may be" if endpoint.retryable else "never"
        yield (
            f"| `{endpoint.name}` | `{endpoint.method} {endpoint.path}` | {endpoint.body} "
            f"| {endpoint.rate.name.lower()} | {again} | {_known_from(endpoint)} "
            f"| `Kite.{endpoint.call}` |"
        )


def _known_from(endpoint: Endpoint) -> str:
    return "Kite's pages" if endpoint.standing is Standing.DOCUMENTED else endpoint.standing.value


TABLES: dict[str, tuple[Callable[[], Iterator[str]], ...]] = {
    "orders.md": (order_diagram,),
    "endpoints.md": (endpoint_table,),
    "migrating-from-pykiteconnect.md": (migration_table, further_table),
}
"""What is generated in each document, in the order of its marks."""


def _renewed(text: str, tables: Sequence[Callable[[], Iterator[str]]]) -> str:
    """The document with what stands between its marks written anew."""
    parts = []
    for rows in tables:
        before, _, rest = text.partition(BEGIN)
        parts += [before, "\n".join([BEGIN, "", *rows(), "", END])]
        text = rest.partition(END)[2]
    return "".join([*parts, text])


def main() -> int:
    """Write or check every document; the exit code is 1 when a check fails."""
    stale = []
    for name, tables in TABLES.items():
        old = (DOCS / name).read_text(encoding="utf-8")
        new = _renewed(old, tables)
        if new != old:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                (DOCS / name).write_text(new, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"out of date: {', '.join(stale)}; run: tools/write_tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

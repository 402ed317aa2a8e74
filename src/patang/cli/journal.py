"""``patang journal``: prove a run's journal, look into it, take it elsewhere."""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from patang.cli.exits import Exit
from patang.cli.output import Output, OutputOption, one_line, print_json, whole_number
from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import IST, format_ist

if TYPE_CHECKING:
    from patang.runtime.journal_entries import Entry, Wanted
    from patang.storage.journal import Verification

app = App(name="journal", help="Prove a run's journal, look into it, export it.", version_flags=[])
_encoder = msgspec.json.Encoder(decimal_format="string")
_LINES_SHOWN = 200


class What(StrEnum):
    """What an export holds: one line for each order, or one for each thing that happened."""

    ORDERS = "orders"
    ENTRIES = "entries"


class Form(StrEnum):
    """For spreadsheets, or one JSON document a line."""

    CSV = "csv"
    JSONL = "jsonl"


KindOption = Annotated[
    list[str] | None, Parameter(name=["--kind", "-k"], negative="", allow_leading_hyphen=False)
]
FromOption = Annotated[str | None, Parameter(name="--from")]
_HEAD_DIGITS = 64


@app.command
def verify(
    journal: Path,
    /,
    *,
    head: str | None = None,
    unsealed: Annotated[bool, Parameter(name="--unsealed", negative="")] = False,
    output: OutputOption = Output.TABLE,
) -> int:
    """Check every row of a journal against its chain, and that this release can read each.

    Exits 0 when every row is what was written, 1 when the journal has no seal or holds rows that
    this release cannot read, and 9 when it is not what was written.

    For example:

        patang journal verify run.journal

        patang journal verify run.journal --unsealed -o json

        patang journal verify run.journal --head 65cffb49f22c...

    Parameters
    ----------
    journal
        The journal file that a run reported.
    head
        A head that was noted down earlier, at least 8 hex digits: it must stand in this chain.
        Finds a journal that was rewritten whole, or replaced by an older copy.
    unsealed
        A journal without its seal is sound, too: its run goes on, or was cut off.
    output
        json prints one document.
    """
    from patang.runtime.journal_entries import read_entries
    from patang.storage.journal import read_journal
    from patang.storage.journal import verify as check

    wanted = None if head is None else _head(head)
    result = check(journal)
    if result.problem is not None:
        _print_verification(journal, result, Counter(), None, output)
        raise result.problem
    kinds: Counter[str] = Counter()
    unread = None
    for entry in read_entries(journal):
        kinds[entry.kind] += 1
        unread = unread or entry.problem
    missing = wanted is not None and not any(
        row.hash.hex().startswith(wanted) for row in read_journal(journal)
    )
    if missing:
        unread = f"no row of this journal has the head {head}."
    elif unread is None and not result.is_sealed and not unsealed:
        unread = "it is not sealed: its run goes on, was cut off, or its last rows are gone."
    _print_verification(journal, result, kinds, unread, output)
    if missing:
        return Exit.JOURNAL_CORRUPT
    return Exit.OK if unread is None else Exit.FAILED


@app.command
def show(
    journal: Path,
    /,
    *,
    kind: KindOption = None,
    from_: FromOption = None,
    to: str | None = None,
    order: str | None = None,
    limit: Annotated[int, Parameter(converter=whole_number(1, 10_000_000))] = _LINES_SHOWN,
    output: OutputOption = Output.TABLE,
) -> int:
    """Show what happened and what was decided, oldest first; the newest ones when there are many.

    For example:

        patang journal show run.journal

        patang journal show run.journal --order run-7

        patang journal show run.journal -k order_denied -k alarm_raised --from "2026-11-20 10:00:00"

    Parameters
    ----------
    journal
        The journal file that a run reported.
    kind
        Only these: an event or a command, as order_accepted, fill_received, submit_order,
        order_denied, signal_raised, bar_closed, alarm_raised, timer_fired. May be repeated.
    from_
        First moment, IST: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS.
    to
        Last moment, IST.
    order
        Only what concerns one order: its intent id, its tag or the broker's order id.
    limit
        At most so many, the newest.
    output
        json prints one document.
    """
    from collections import deque

    from patang.runtime.journal_entries import read_entries

    wanted = _wanted(journal, kind, from_, to, order)
    chosen = deque(maxlen=limit)  # type: deque[Entry]
    matching = 0
    for entry in read_entries(journal):
        if wanted.takes(entry):
            matching += 1
            chosen.append(entry)
    if output is Output.JSON:
        documents = [_document(entry) for entry in chosen]
        print_json({"journal": str(journal), "matching": matching, "entries": documents})
        return Exit.OK
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for entry in chosen:
        moment = "-" if entry.at_ns is None else _moment(entry.at_ns)
        text = f"{entry.sequence:>7} {moment} {entry.kind:<18} {_told(entry)}"
        console.print(one_line_kept(text), markup=False)
    if matching > len(chosen):
        console.print(f"The newest {len(chosen)} of {matching}; --limit shows more.", style="dim")
    elif not matching:
        console.print("Nothing matches.")
    return Exit.OK


@app.command
def export(
    journal: Path,
    /,
    *,
    what: What = What.ORDERS,
    form: Annotated[Form, Parameter(name=["--form", "-f"])] = Form.CSV,
    into: Path | None = None,
    kind: KindOption = None,
    from_: FromOption = None,
    to: str | None = None,
    order: str | None = None,
) -> int:
    """Write the audit of every order, with its reason, or everything that happened.

    The audit holds each order that was decided, sent or refused, and those placed elsewhere: who
    wanted it and why, what the risk gate said, the broker's ids, fills, and how it ended.

    For example:

        patang journal export run.journal --into orders.csv

        patang journal export run.journal --what entries --form jsonl

        patang journal export run.journal --order run-7 --form jsonl

    Parameters
    ----------
    journal
        The journal file that a run reported.
    what
        orders, one line for each; or entries, one line for each event and command.
    form
        csv, or jsonl: one JSON document a line, money as text.
    into
        A new file, readable by you alone; standard output when left out.
    kind
        Of entries only these kinds. May be repeated.
    from_
        First moment, IST: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS. Of orders, when they were decided.
    to
        Last moment, IST.
    order
        Only one order: its intent id, its tag or the broker's order id.
    """
    if what is What.ORDERS and kind:
        raise InvalidValue("--kind", "an audit is of orders.", "Add --what entries.")
    wanted = _wanted(journal, kind, from_, to, order)
    lines = _order_lines(journal, wanted) if what is What.ORDERS else _entry_lines(journal, wanted)
    if into is None:
        written = _write(lines, form, sys.stdout)
        sys.stdout.flush()
    else:
        with _new_file(into) as file:
            written = _write(lines, form, file)
    print(f"{written} {what.value} from {journal}", file=sys.stderr)
    return Exit.OK


def one_line_kept(text: str) -> str:
    """A line for a terminal: control characters shown as ``?``, spaces kept as they stand."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _wanted(
    journal: Path, kinds: list[str] | None, from_: str | None, to: str | None, order: str | None
) -> "Wanted":
    from patang.runtime.journal_entries import KINDS, Wanted, all_names, read_entries

    for kind in kinds or ():
        if kind not in KINDS:
            raise InvalidValue("--kind", f"{kind!r} is none.", f"Kinds: {', '.join(KINDS)}.")
    first = None if from_ is None else _instant("--from", from_)
    last = None if to is None else _instant("--to", to, is_end=True)
    if first is not None and last is not None and first > last:
        raise InvalidValue("--to", "it is before --from.", "Exchange them.")
    names = frozenset[str]() if order is None else all_names(read_entries(journal), order)
    if order is not None and not names:
        raise InvalidValue(
            "--order",
            f"nothing in {journal} speaks of {one_line(order)!r}.",
            "Name an intent id, a tag or the broker's order id: patang journal export shows them.",
        )
    return Wanted(kinds=frozenset(kinds or ()), from_ns=first, to_ns=last, names=names)


def _instant(option: str, text: str, *, is_end: bool = False) -> int:
    """UTC ns of a moment in IST; a bare day is its first moment, or its last as an end."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidValue(
            option,
            f"{one_line(text)!r} is no moment.",
            'Write "2026-11-20" or "2026-11-20 10:00:00", IST.',
        ) from None
    moment = moment.replace(tzinfo=IST) if moment.tzinfo is None else moment
    second = int(moment.timestamp())
    if is_end and len(text.strip()) == len("2026-11-20"):
        second += 86_400 - 1
    at_ns = second * NS_PER_SECOND + moment.microsecond * 1_000
    # A moment without its parts of a second means the whole second.
    return at_ns + NS_PER_SECOND - 1 if is_end and not moment.microsecond else at_ns


def _head(text: str) -> str:
    digits = text.strip().lower()
    if not 8 <= len(digits) <= _HEAD_DIGITS or set(digits) - set("0123456789abcdef"):
        raise InvalidValue(
            "--head", f"{one_line(text)!r} is no head.", "Give 8 to 64 hex digits of it."
        )
    return digits


def _order_lines(journal: Path, wanted: "Wanted") -> Iterator[dict[str, Any]]:
    from patang.runtime.journal_entries import read_entries
    from patang.runtime.order_audit import audit_orders

    for order in audit_orders(read_entries(journal)):
        seen_ns = order.first_ns if order.decided_ns is None else order.decided_ns
        if wanted.from_ns is not None and (seen_ns is None or seen_ns < wanted.from_ns):
            continue
        if wanted.to_ns is not None and (seen_ns is None or seen_ns > wanted.to_ns):
            continue
        mine = {order.intent_id, order.tag, *order.order_ids}
        if wanted.names and wanted.names.isdisjoint(name for name in mine if name is not None):
            continue
        line: dict[str, Any] = msgspec.structs.asdict(order)
        for field in ("decided_ns", "first_ns", "last_ns"):
            at_ns = line.pop(field)
            line[f"{field.removesuffix('_ns')}_ist"] = None if at_ns is None else _moment(at_ns)
        yield line


def _entry_lines(journal: Path, wanted: "Wanted") -> Iterator[dict[str, Any]]:
    from patang.runtime.journal_entries import read_entries

    return (_document(entry) for entry in read_entries(journal) if wanted.takes(entry))


def _document(entry: "Entry") -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "at_ist": None if entry.at_ns is None else _moment(entry.at_ns),
        "kind": entry.kind,
        "problem": entry.problem,
        "message": entry.message,
    }


def _write(lines: Iterable[dict[str, Any]], form: Form, file: IO[str]) -> int:
    count = 0
    table = csv.writer(file, lineterminator="\n")
    for count, line in enumerate(lines, 1):
        if form is Form.JSONL:
            file.write(_encoder.encode(line).decode() + "\n")
            continue
        if count == 1:
            table.writerow(line)
        table.writerow([_cell(value) for value in line.values()])
    return count


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case str():
            # A spreadsheet takes a cell that begins so for a formula; texts come from outside.
            return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
        case list():
            return _cell(" | ".join(str(each) for each in value))
        case _:
            return _encoder.encode(value).decode()


def _new_file(path: Path) -> IO[str]:
    import os

    from patang.storage.faults import from_os_error

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if isinstance(error, FileExistsError):
            raise InvalidValue("--into", f"{path} exists.", "Choose another name.") from None
        raise from_os_error(path, "export to", error) from error
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")


def _moment(at_ns: int) -> str:
    """IST with milliseconds."""
    return f"{format_ist(at_ns)}.{at_ns // 1_000_000 % 1_000:03}"


def _told(entry: "Entry") -> str:
    """The message without what the line says already."""
    if entry.message is None:
        return entry.problem or ""
    fields: dict[str, Any] = msgspec.json.decode(_encoder.encode(entry.message))
    return _encoder.encode(
        {name: value for name, value in fields.items() if name not in ("kind", "at_ns")}
    ).decode()


def _print_verification(
    journal: Path, result: "Verification", kinds: Counter[str], difference: str | None, how: Output
) -> None:
    if how is Output.JSON:
        if result.problem is not None:
            return  # the error is told on standard error, and standard output stays empty
        document = {
            "journal": str(journal),
            "rows": result.rows,
            "head": result.head.hash.hex(),
            "is_sealed": result.is_sealed,
            "state_hash": result.state_hash,
            "kinds": dict(sorted(kinds.items())),
            "difference": difference,
        }
        print_json(document)
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{result.rows} sound rows, head {result.head.hash.hex()}")
    if result.state_hash is not None:
        console.print(f"sealed with state {result.state_hash}")
    for name, count in sorted(kinds.items()):
        console.print(f"  {count:>9,} {escape(name)}")
    if difference is not None:
        console.print(f"[red]✗[/] {escape(difference)}")
    elif result.problem is None:
        console.print("[green]✓[/] every row is what was written.")

"""One turn of a run: the event is journaled, the engine decides, the decision is journaled.

Every wiring takes its turns here, so every journal reads the same: an ``event`` row, and behind
it a ``commands`` row when the event led to any.
"""

from collections.abc import Callable

from patang.domain.messages import AnyCommand, AnyEvent, encode_commands, encode_event
from patang.engine.engine import Engine

EVENT = "event"
COMMANDS = "commands"

Append = Callable[[str, bytes], object]


def take_turn(engine: Engine, append: Append, event: AnyEvent) -> tuple[AnyCommand, ...]:
    """Journal ``event`` (buffered), process it, journal what it led to; return the commands.

    Effects among the commands must not leave before the journal has been synced.
    """
    append(EVENT, encode_event(event))
    commands = engine.process(event)
    if commands:
        append(COMMANDS, encode_commands(commands))
    return commands

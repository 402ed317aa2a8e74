#!/usr/bin/env python3
"""Writes docs/images/demo.svg: the demo's own screen, two thirds through a run.

python tools/write_picture.py
"""

import asyncio
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from patang.cli.demo_view import DemoScreen
from patang.runtime.clocks import sleep_until
from patang.runtime.demo import DemoSettings, run_demo
from patang.runtime.node import Feeder, Node
from patang.runtime.scoreboard import Scoreboard

SPEED = 60.0
PICTURE = Path(__file__).parent.parent / "docs" / "images" / "demo.svg"


def main() -> None:
    """Run the demo without a terminal and keep one picture of what it would show."""
    pictures: list[str] = []

    def started(board: Scoreboard, node: Node, end_ns: int) -> Feeder:
        screen = DemoScreen(board, end_ns, SPEED)
        start_ns = node.clock.now_ns()

        async def watch(_node: Node) -> None:
            await sleep_until(node.clock, start_ns + (end_ns - start_ns) * 2 // 3)
            console = Console(record=True, width=124, file=io.StringIO(), force_terminal=True)
            console.print(screen.render(124, 34))
            pictures.append(console.export_svg(title="patang demo"))

        return watch

    with tempfile.TemporaryDirectory() as folder:
        settings = DemoSettings(seed=1, speed=SPEED, minutes=24, journal_folder=Path(folder))
        asyncio.run(run_demo(settings, started))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    lines = [line.rstrip() for line in _without_addresses(pictures[0]).splitlines()]
    PICTURE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {PICTURE}")


def _without_addresses(svg: str) -> str:
    """Drop the web fonts: the picture must not load anything from anywhere."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    return re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    main()

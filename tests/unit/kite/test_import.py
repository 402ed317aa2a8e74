"""Importing the client is cheap and loads nothing that a script may not need."""

import subprocess
import sys

_HEAVY = ("aiohttp", "sqlalchemy", "pydantic", "fastapi", "uvicorn", "websockets", "numpy", "rich")
_LOADED = f"""
import sys
from patang.kite import Kite, KiteFeed
Kite("key"), KiteFeed("key", "token")
print([name for name in {_HEAVY!r} if name in sys.modules])
print([name for name in sys.modules if name.startswith("patang.")])
"""


def test_importing_and_making_a_client_loads_no_network_library_and_no_upper_floor():
    printed = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    ).stdout
    heavy, ours = printed.splitlines()
    assert heavy == "[]"
    floors = {name.split(".")[1] for name in eval(ours)}
    assert floors <= {"kite", "wire", "rules", "domain"}

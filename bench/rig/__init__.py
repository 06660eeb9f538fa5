"""The rig: links with a core for each side, servers and clients on them, and what they measure.

run.py is the command; cases.py says what is measured, and bench/targets what is asked. Namespaces,
devices and daemons are those of tests/net/harness, so that what a measurement makes, it undoes.
"""

import pathlib
import sys

# Where `harness` is: who needs both imports this package first.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "net"))

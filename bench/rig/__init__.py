"""The rig: links with a core for each side, servers and clients on them, and what they measure.

run.py is the command; cases.py says what is measured, and bench/targets what is asked. Namespaces,
devices and daemons are those of tests/net/harness, so that what a measurement makes, it undoes.
"""

"""What the tests against real peers stand on: namespaces, links, daemons and clients.

Everything made here is undone by the context manager that made it, also on failure, on ^C and on
SIGTERM; children die with the run even when it is killed, and the next run removes the namespaces
that such a run leaves.
"""

"""What the test files share: a served link in one line, and one case run over several links."""

import contextlib
import os
import sys
import unittest

from harness import clients, daemons, links, workplace

quick = bool(os.environ.get("MILLRACE_QUICK"))

# "A 100 MB file": the size that the transfers are tested with.
BIG_BYTES = 10_000_000 if quick else 100_000_000
BIG_SEED = 2

PAGE = b"<!doctype html><title>millrace</title><p>It runs.\n"


def on_each_link(chosen):
    """Makes a test case of the decorated class for each link, named after it."""

    def decorate(body):
        module = sys.modules[body.__module__]
        for name, link_class in chosen.items():
            case = type(f"{body.__name__}_{name}", (body, Case),
                        {"make_link": staticmethod(link_class), "__module__": body.__module__})
            setattr(module, case.__name__, case)
        return body

    return decorate


class Case(unittest.TestCase):
    maxDiff = None
    make_link = staticmethod(links.Tap)

    # What a passed test measured, printed beside its name.
    note = ""

    @contextlib.contextmanager
    def serving(self, *listeners, make_link=None, **sections):
        """A link and a daemon on it, drained at the end of a test that went well."""
        with (make_link or self.make_link)() as link:
            text = daemons.configuration(link, listeners, **sections)
            with daemons.Daemon(link, text) as daemon:
                yield link, daemon
                if daemon.running():
                    daemon.drain()

    def site(self, big_bytes=0):
        """A document root with a page and, if asked, big.bin; its path. `big_sha256` is set."""
        root = workplace.file("site")
        root.mkdir()
        (root / "index.html").write_bytes(PAGE)
        if big_bytes:
            self.big_sha256 = clients.make_file(root / "big.bin", big_bytes, BIG_SEED)
        self.addCleanup(_remove_tree, root)
        return root


def _remove_tree(root):
    for path in root.iterdir():
        path.unlink()
    root.rmdir()

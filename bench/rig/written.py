"""What one command has written and another judges. Read while the arguments are, so that a file that is
missing or broken is told before anything is built: each function is a type for argparse."""

import argparse
import json
import pathlib


def results(path):
    """The objects of bench/rig/run.py."""
    return _read(path, "bench/rig/run.py", lambda found: isinstance(found, list) and all(
        isinstance(one, dict) and {"case", "system", "metric", "median"} <= one.keys() for one in found))


def instructions(path):
    """What bench/instructions has counted, and how."""
    return _read(path, "bench/instructions --json", lambda found: isinstance(found, dict) and
                 isinstance(found.get("how"), dict) and isinstance(found.get("figures"), dict) and
                 all(isinstance(figure, dict) and "instructions" in figure
                     for figure in found["figures"].values()))


def _read(path, writer, is_whole):
    try:
        found = json.loads(pathlib.Path(path).read_text())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}; {writer} writes it") from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{path} is no JSON ({error}); {writer} writes it") from None
    if not is_whole(found):
        raise argparse.ArgumentTypeError(f"{path} is not what {writer} writes")
    return found

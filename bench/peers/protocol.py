"""One step per line of stdin, so that a bench can alternate with its own engine.

Prints {"ready": true, "startMs": …, …} when loaded; then, for each line "go", runs one step and prints
{"ms": …, "peakRssMb": …, …}; "quit" or the end of stdin ends. Whatever the libraries print goes to stderr.
startMs counts from the process's start, imports included.
"""
import json
import os
import resource
import sys
import time

OUT, sys.stdout = sys.stdout, sys.stderr


def _age_ms():
    """Milliseconds since this process started (Linux)."""
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        started = int(stat.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
        return 1000 * (float(uptime.read().split()[0]) - started)


def say(**fields):
    print(json.dumps(fields), file=OUT, flush=True)


def ready(**fields):
    say(ready=True, startMs=round(_age_ms()), **fields)


def wait():
    """True for "go", False for "quit" or the end of stdin."""
    line = sys.stdin.readline().strip()
    if line not in ("go", "quit", ""):
        raise SystemExit(f'Expected "go" or "quit" on stdin but found {line!r}')
    return line == "go"


def measured(milliseconds, **fields):
    say(ms=round(milliseconds, 2), peakRssMb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), **fields)


def serve(step):
    """`step()` returns a dict of further fields."""
    while wait():
        start = time.perf_counter()
        fields = step()
        measured(1000 * (time.perf_counter() - start), **fields)

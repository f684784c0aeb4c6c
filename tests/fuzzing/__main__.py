"""python -m tests.fuzzing: feeds the parsers what changes of the corpus give, until one raises what it must not.

With atheris (libFuzzer, led by which code an input reaches) where .venv-fuzz has it; else with random changes of the
corpus, which reach less. Each target has a process of its own.
"""

import argparse
import random
import subprocess
import sys
import time
from importlib.util import find_spec

from infra.processes import ROOT, say

from .corpus import folder_of, inputs_of, keep

ATHERIS = ROOT / ".venv-fuzz"
FOUND = ROOT / "build" / "fuzz"
LONGEST = 4096
"""The most bytes of an input."""

INTERESTING = (b"", b"\x00", b"\xff", b"-1", b"0", b"1e999", b"9" * 40, b"null", b"[" * 50, b"{", b'"', b"\\ud800")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--only", default="", help="the one target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--in-process", action="store_true", help="run the one target in this process")
    asked = parser.parse_args()
    sys.path += [str(ATHERIS)] if ATHERIS.exists() else []
    has_atheris = find_spec("atheris") is not None
    if asked.in_process:
        return _run_in_process(asked.only, asked.seconds, asked.seed, has_atheris=has_atheris)
    say("with atheris" if has_atheris else "without atheris (make fuzz installs it): random changes of the corpus")
    from .targets import TARGETS

    names = [asked.only] if asked.only else list(TARGETS)
    failed = sum(_run_apart(name, max(1, asked.seconds // len(names)), asked.seed) for name in names)
    say(f"{len(names)} parsers, something found in {failed}")
    return min(failed, 1)


def _run_apart(name: str, seconds: int, seed: int) -> int:
    """Runs one target in a process of its own. Gives 1 if it found something."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzzing", "--in-process", f"--only={name}", f"--seconds={seconds}"]
    done = subprocess.run([*command, f"--seed={seed}"], cwd=ROOT, capture_output=True, text=True, check=False)
    last = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("#", "Done", "inputs:"))]
    state = "nothing found" if done.returncode == 0 else "FOUND"
    say(f"{name:<16} {time.monotonic() - began:6.1f} s  {state}  {last[-1][:100] if last else ''}")
    if done.returncode:
        say(done.stdout[-3000:] + done.stderr[-3000:])
    return int(done.returncode != 0)


def _run_in_process(name: str, seconds: int, seed: int, *, has_atheris: bool) -> int:
    return _fuzz_with_atheris(name, seconds, seed) if has_atheris else _change_at_random(name, seconds, seed)


def _fuzz_with_atheris(name: str, seconds: int, seed: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["chalicelib"]):
        from .targets import TARGETS

    FOUND.mkdir(parents=True, exist_ok=True)
    grown = FOUND / "corpus" / name
    grown.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-seed={seed}"]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={FOUND}/{name}-", str(grown), str(folder_of(name))], TARGETS[name]
    )
    atheris.Fuzz()
    return 0


def _change_at_random(name: str, seconds: int, seed: int) -> int:
    from .targets import TARGETS

    target, chance = TARGETS[name], random.Random(seed)
    known = [data for _, data in inputs_of(name)] or [b""]
    deadline, inputs = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        data = changed(chance.choice(known), chance)
        inputs += 1
        try:
            target(data)
        except Exception:
            say(f"found: {keep(name, data, FOUND)}")
            raise
    say(f"inputs: {inputs}")
    return 0


def changed(data: bytes, chance: random.Random) -> bytes:
    """Gives the input with some parts replaced, repeated, left out, or put in from what often breaks parsers."""
    for _ in range(chance.randint(1, 4)):
        begin = chance.randrange(len(data) + 1)
        end = min(len(data), begin + chance.randrange(9))
        part = chance.choice((chance.choice(INTERESTING), data[begin:end] * 2, chance.randbytes(chance.randrange(5))))
        data = data[:begin] + part + data[end:]
    return data[:LONGEST]


if __name__ == "__main__":
    sys.exit(main())

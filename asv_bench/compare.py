"""Runs the suite on two commits and exits with 1 if the second is slower, its last lines naming the benchmarks.

asv takes the commits in turn, round by round, and asks for a difference beyond the factor that is significant too.
Among hundreds of benchmarks on a busy machine some differ by chance even so: these are run once more, alone and in
twice the rounds, and only what is slower both times counts.
"""

import argparse
import re
import subprocess
import sys

#: To asv a larger figure is a worse one, which for bytes per second is the wrong way round.
LARGER_IS_BETTER = "per_second"
#: More rounds than in the first run: the samples of one round share their luck.
AGAIN = ("--attribute", "rounds=4")
#: A row of asv's table with a benchmark that is slower, or fails since: the ratio and the name are its last cells.
WORSE = re.compile(r"^\| [+!] .*\| *(\S+) *\| (.+?) *\|$")


def worse(base, commit, factor, patterns, *options):
    """Run the benchmarks that match on both commits; return the ratio of each that became worse."""
    selected = [f"^(?!.*{LARGER_IS_BETTER}).*(?:{pattern})" for pattern in patterns]
    command = [sys.executable, "-m", "asv", "continuous", "--show-stderr", "--factor", str(factor)]
    command += [*options, *(f"--bench={pattern}" for pattern in selected)]
    found = {}
    with subprocess.Popen([*command, base, commit], stdout=subprocess.PIPE, text=True) as asv:  # noqa: S603
        for line in asv.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if row := WORSE.match(line):
                found[row[2]] = row[1]
    if asv.returncode != bool(found):
        sys.exit(f"asv could not compare {base} with {commit}: something above failed")
    return found


def main():
    """Read the command line, compare, compare again what is worse, and say which."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("commit")
    parser.add_argument("--factor", type=float, default=1.1)
    parser.add_argument("--bench", default="", help="a regular expression; all benchmarks without it")
    arguments = parser.parse_args()
    compared = arguments.base, arguments.commit, arguments.factor
    found = worse(*compared, [arguments.bench])
    again = worse(*compared, [f"^{re.escape(name)}$" for name in found], *AGAIN) if found else {}
    names = f"{arguments.commit} beside {arguments.base}"
    for name in found.keys() - again.keys():
        print(f"only once slower, by {found[name]}: {name}")
    if again:
        print(f"{names}: slower by more than {arguments.factor}, twice:")
        for name, ratio in sorted(again.items()):
            print(f"{ratio:>8}  {name}")
    else:
        print(f"{names}: nothing is slower by more than {arguments.factor}")
    return bool(again)


if __name__ == "__main__":
    sys.exit(main())

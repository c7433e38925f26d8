"""Ask four type checkers about the API as a user sees it: pyright, mypy, pyrefly and ty.

In ``good*.py`` every line must pass, and its ``assert_type`` calls pin what is
inferred.  In ``bad*.py`` exactly the lines marked ``# E`` must fail; a checker
that is known to see no harm in one is named as in ``# E (not ty)``.  The folder
``acceptance`` holds the case that the project was given; the files beside it
are ours.

Usage: python tests/typing/check.py [-v]
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TOOLS = Path(sys.executable).parent
CHECKERS = {
    "pyright": ["--pythonpath", sys.executable],
    "mypy": ["--strict", "--hide-error-context", "--cache-dir=.mypy_cache"],
    "pyrefly": [
        *("check", "-p", "strict", "--output-format=min-text"),
        *("--python-interpreter-path", sys.executable),
        # Otherwise it finds the working tree above the environment that tox makes in it,
        # and takes each class of the package for two.
        *("--disable-search-path-heuristics=true", "--search-path=."),
    ],
    "ty": ["check", "--python", str(TOOLS.parent), "--output-format", "concise"],
}


class Verdict(NamedTuple):
    """What one checker said about one folder of cases."""

    checker: str
    folder: str
    complaints: list[str]
    output: str


def cases_of(folder: Path) -> list[Path]:
    """Return the files of a folder that are to pass, then those that are to fail."""
    return [*sorted(folder.glob("good*.py")), *sorted(folder.glob("bad*.py"))]


def expected(folder: Path, checker: str) -> set[tuple[str, int]]:
    """Return the file and line of every misuse that a checker is to report."""
    return {
        (case.name, number)
        for case in folder.glob("bad*.py")
        for number, line in enumerate(case.read_text().splitlines(), 1)
        if "# E" in line and f"# E (not {checker})" not in line
    }


def reported(output: str) -> set[tuple[str, int]]:
    """Return the file and line of every error in what a checker printed."""
    found = re.finditer(r"(?i)^(error )?.*?(\w+\.py):(\d+):(.*)$", output, re.MULTILINE)
    return {(m[2], int(m[3])) for m in found if m[1] or "error" in m[4].lower()}


def judge(checker: str, folder: Path) -> Verdict:
    """Run one checker over all cases of a folder.

    It runs on a copy outside the repository: a user's checker does not read
    our settings either, and ours name the oldest Python that we support.
    """
    with tempfile.TemporaryDirectory() as scratch:
        cases = [Path(shutil.copy(case, scratch)).name for case in cases_of(folder)]
        run = subprocess.run(
            [str(TOOLS / checker), *CHECKERS[checker], *cases],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
    wanted, got = expected(folder, checker), reported(run.stdout)
    complaints = [f"{name}:{line}: accepted" for name, line in sorted(wanted - got)]
    complaints += [f"{name}:{line}: refused" for name, line in sorted(got - wanted)]
    if not cases or (wanted and run.returncode == 0):
        complaints.append("found nothing to refuse")
    return Verdict(checker, folder.name, complaints, run.stdout + run.stderr)


def main() -> int:
    """Print a line for each checker and folder; return how many disagreed."""
    with ThreadPoolExecutor(2) as pool:
        rounds = [(checker, f) for f in (HERE / "acceptance", HERE) for checker in CHECKERS]
        verdicts = list(pool.map(judge, *zip(*rounds, strict=True)))
    for verdict in verdicts:
        print(
            f"{verdict.folder:11} {verdict.checker:8} {'DIFFERS' if verdict.complaints else 'ok'}"
        )
        for complaint in verdict.complaints:
            print(f"    {complaint}")
        if verdict.complaints and "-v" in sys.argv:
            print(verdict.output)
    wrong = sum(bool(verdict.complaints) for verdict in verdicts)
    print(f"{len(verdicts) - wrong} of {len(verdicts)} verdicts are as marked")
    return wrong


if __name__ == "__main__":
    sys.exit(main())

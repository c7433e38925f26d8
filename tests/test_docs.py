"""Every example in a document runs as it stands, warnings being errors.

The python blocks of a document are one program, in order.  A block after the
comment ``<!-- no-run: reason -->`` is not part of it.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

REPOSITORY = Path(__file__).parent.parent
BLOCK = re.compile(
    r"(?P<skip><!-- no-run:(?P<reason>.*?)-->\s*)?^ *```python\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
FUTURE = "from __future__ import annotations\n"


def program(text: str) -> str:
    """Return the runnable blocks, each on the lines that it has in its document.

    The tracebacks of a broken example then name the line to mend.
    """
    lines: list[str] = []
    future = ""
    for block in BLOCK.finditer(text):
        if block["skip"]:
            assert block["reason"].strip(), f"a skipped block needs its reason: {block[0][:80]}"
            continue
        lines += [""] * (text.count("\n", 0, block.start("code")) - len(lines))
        code = textwrap.dedent(block["code"])
        # It may only be the first statement of a program, whichever block shows it.
        future = FUTURE if FUTURE in code else future
        lines += code.replace(FUTURE, "\n").splitlines()
    return "\n".join([future.strip(), *lines[1:], ""])


DOCUMENTS = {
    str(path.relative_to(REPOSITORY)): program(path.read_text(encoding="utf-8"))
    for path in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
}


@pytest.mark.docs
@pytest.mark.parametrize("document", [name for name, code in DOCUMENTS.items() if code.strip()])
def test_a_document_runs(
    document: str, tmp_path: Path, fresh_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """A reader who copies the examples gets what the document promises."""
    script = tmp_path / Path(document).with_suffix(".py").name
    script.write_text(DOCUMENTS[document], encoding="utf-8")

    run = fresh_python(str(script))

    assert run.returncode == 0, run.stderr


def test_an_example_keeps_its_line() -> None:
    """A failure is reported on the line of the document, whatever was skipped before it."""
    text = "# Title\n\n<!-- no-run: a sketch -->\n```python\n...\n```\n\n```python\nfail()\n```\n"

    assert program(text).splitlines().index("fail()") == text.splitlines().index("fail()")


def test_a_block_is_skipped_for_a_reason_only() -> None:
    """A block that nobody runs says why."""
    with pytest.raises(AssertionError, match="needs its reason"):
        program("<!-- no-run: -->\n```python\n...\n```\n")


def test_the_future_import_may_stand_in_any_block() -> None:
    """A later block may show a whole module, with its first line."""
    text = f"# Title\n\n```python\na = 1\n```\n\n```python\n{FUTURE}b = a\n```\n"

    compile(program(text), "document", "exec")
    assert program(text).startswith(FUTURE)

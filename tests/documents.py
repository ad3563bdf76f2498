"""The examples and commands of README and docs, and how the examples are run."""

import doctest
import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

# for examples that draw; there may be no screen
os.environ.setdefault("MPLBACKEND", "agg")

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}

#: The pages whose examples call frameworks: where they are installed, tests/peers runs them.
FRAMEWORKS = {
    "docs/howto/from_torch.md": "torch",
    "docs/howto/export_torch.md": "torch onnx onnxruntime onnxscript",
    "docs/howto/from_tensorflow.md": "tensorflow",
    "docs/howto/from_onnx.md": "onnx",
    "docs/howto/from_onnxruntime.md": "onnx onnxruntime",
}


def blocks(name):
    """Return the Python blocks of a page in order: language, lines before it, text."""
    found = re.finditer(r"^```(python|pycon)\n(.*?)^```$", PAGES[name], re.MULTILINE | re.DOTALL)
    return [(block[1], PAGES[name].count("\n", 0, block.start(2)), block[2]) for block in found]


def commands(name):
    """Return the commands of a page's console blocks in order, each with what it shows."""
    found = re.findall(r"^```console\n(.*?)^```$", PAGES[name], re.MULTILINE | re.DOTALL)
    return [
        session.split("\n", 1) for block in found for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]


def run(name, folder):
    """Run a page as a reader types it, in order and in one namespace; what a session shows has to be printed.

    `folder`, the current one, gets the photograph.
    """
    shutil.copy(ROOT / "docs" / "astronaut.npy", folder)
    namespace = {"__name__": "__main__"}
    for language, line, text in blocks(name):
        if language == "python":
            # what only draws is not for everybody
            if "import matplotlib" in text and find_spec("matplotlib") is None:
                continue
            exec(compile("\n" * line + text, name, "exec"), namespace)  # noqa: S102
        else:
            session = doctest.DocTestParser().get_doctest(text, namespace, name, name, line)
            assert doctest.DocTestRunner().run(session, clear_globs=False).failed == 0
            namespace = session.globs

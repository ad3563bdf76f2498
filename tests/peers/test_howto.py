"""The pages of docs/howto that call a framework: their examples run, and show what they print."""

import documents
import pytest
from comparison import peer


@pytest.mark.parametrize("name", documents.FRAMEWORKS)
def test_examples_run(name, monkeypatch, tmp_path):
    for framework in documents.FRAMEWORKS[name].split():
        peer(framework, framework)
    monkeypatch.chdir(tmp_path)
    documents.run(name, tmp_path)

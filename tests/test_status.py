"""The page of states is that of the tests' lists, and names every tagger of the registry."""

from __future__ import annotations

from tests.helpers import status
from tritag.models.nets.registry import tagger_names


def test_the_page_of_states_is_that_of_the_tests():
    text = status.PAGE.read_text(encoding="utf-8")
    assert text == status.page(), "python -m tests.helpers.status"
    assert all(f"| `{name}` |" in text for name in tagger_names())

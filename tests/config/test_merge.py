"""Entries grow from others: groups are merged, alternatives replaced whole, circles and misspelt names refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.merge import complete, merged, writer
from pipeline.errors import ConfigError

VALUES = st.recursive(
    st.integers() | st.text(max_size=2), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


def test_an_entry_has_what_it_says_then_its_parents_then_the_defaults() -> None:
    catalogue = {
        "defaults": {"a": 1, "b": {"c": 2, "d": 3}, "e": [1, 2]},
        "first": {"b": {"c": 4}},
        "second": {"like": "first", "b": {"d": 5}, "e": []},
    }
    assert complete(catalogue, "x.yaml") == {
        "first": {"a": 1, "b": {"c": 4, "d": 3}, "e": [1, 2]},
        "second": {"a": 1, "b": {"c": 4, "d": 5}, "e": []},
    }


def test_another_kind_leaves_nothing_of_the_old_one_but_its_own_options_are_merged() -> None:
    below = {"loss": {"kind": "skd", "weight": 1.0, "temperature": 2.0}}
    assert merged(below, {"loss": {"kind": "ce"}}) == {"loss": {"kind": "ce"}}
    assert merged(below, {"loss": {"weight": 0.5}}) == {"loss": {"kind": "skd", "weight": 0.5, "temperature": 2.0}}
    assert merged({"split": {"rule": "random", "seed": 0}}, {"split": {"rule": "given"}}) == {
        "split": {"rule": "given"}
    }
    assert merged({"attention": {"kind": "tcja"}}, {"attention": None}) == {"attention": None}


@given(VALUES, VALUES)
def test_merging_says_what_is_above_and_is_done_once(below: object, above: object) -> None:
    both = merged(below, above)
    assert merged(both, above) == both and merged(both, both) == both


@pytest.mark.parametrize(
    ("catalogue", "message"),
    [
        ({"a": {"like": "b"}, "b": {"like": "a"}}, "goes round in a circle"),
        ({"alpha": {}, "b": {"like": "alpa"}}, "x.yaml: b.like: no entry 'alpa'; did you mean 'alpha'?"),
        ({"defaults": {}, "b": {"like": "defaults"}}, "b.like: no entry 'defaults'"),
        ({"a": 3}, "x.yaml: a: expected a group of keys, found 3"),
    ],
)
def test_what_grows_from_nothing_is_refused(catalogue: dict, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        complete(catalogue, "x.yaml")
    assert message in str(error.value)


def test_the_writer_of_a_key_is_the_entry_it_comes_from() -> None:
    catalogue = {
        "defaults": {"a": 1, "b": {"c": 2, "d": 3}, "loss": {"kind": "skd", "weight": 1.0}, "none": None},
        "first": {"b": {"c": 4}, "loss": {"kind": "tet"}, "none": {"e": 1}},
        "second": {"like": "first", "b": {"d": 5}, "loss": {"target": 1.0}},
    }
    for path, wanted in (
        ("a", "defaults"), ("b.c", "first"), ("b.d", "second"), ("b", "second"), ("loss.kind", "first"),
        ("loss.target", "second"),
        # In no entry: where the group begins, which is not where another kind stands.
        ("b.x", "defaults"), ("loss.weight", "first"), ("none.x", "first"), ("x", "defaults"), ("x.y", "defaults"),
    ):  # fmt: skip
        assert writer(path.split("."), "second", catalogue, "x.yaml") == wanted, path

"""The YAML subset: plain values, lines, and nothing that runs or explodes."""

from datetime import date

import pytest

from entrepot.kernel.errors import InvalidLaw
from entrepot.law.yamlsource import read_yaml


def test_values_keep_their_plain_types_and_lines() -> None:
    source = read_yaml(
        "a: 100_000\nb: [NO, yes, on, true]\nc: 2024-02-29\nd: '2024-02-29'\ne: {f: ~, g: 0.5}\n",
        file="f.yaml",
        offset=10,
    )
    assert source.value == {
        "a": 100_000,
        "b": ["NO", "yes", "on", True],
        "c": date(2024, 2, 29),
        "d": "2024-02-29",
        "e": {"f": None, "g": 0.5},
    }
    assert source.where(("c",)) == "f.yaml:13"
    assert source.where(("b", 1)) == "f.yaml:12"
    assert source.where(("b", 1, "deeper")) == "f.yaml:12"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\na: 2", 2, "same key twice"),
        ("a: &x [1]\nb: *x", 1, "anchors"),
        ("a: *x", 1, "aliases"),
        ("a: !!python/object/apply:os.system [echo]", 1, "tags"),
        ("!!python/name:os.system", 1, "tags"),
        ("a: 1\n--- \nb: 2", 2, "one YAML document"),
        ("a: 2023-02-29", 1, "not a day"),
        ("a: " + "9" * 5000, 1, "digits"),
        ("a: [1, 2\n", 2, "not YAML"),
        ("a: {b: {<<: c}}", 1, None),
        ("[" * 200 + "]" * 200, 1, "deeper"),
        ("? [a]\n: 1", 1, "plain text"),
        ("a: \x07", 1, "not YAML"),
        ("a:\n\t- b", 2, "not YAML"),
        ("a: " + "x" * 30_000, 1, "longer than"),
    ],
)
def test_everything_outside_the_subset_is_named_with_its_line(
    text: str, line: int, reason: str | None
) -> None:
    if reason is None:
        # As a key `<<` is an ordinary text here: nothing is merged.
        assert read_yaml(text, file="f").value == {"a": {"b": {"<<": "c"}}}
        return
    with pytest.raises(InvalidLaw, match=reason) as caught:
        read_yaml(text, file="f")
    assert caught.value.where == f"f:{line}"


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    text = "a0: &a0 [x, x]\n" + "\n".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)
    )
    with pytest.raises(InvalidLaw):
        read_yaml(text, file="f")

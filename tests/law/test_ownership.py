"""Ownership: thresholds, chains, aggregates and circles, checked by hand and by a slow oracle."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from entrepot.kernel.errors import InvalidInput
from entrepot.law.ownership import MAX_CIRCLE, OwnershipRule, covered_parties

DSP = OwnershipRule("us-dsp", Fraction(50), Fraction(50), "28 CFR 202.211(a)(1), (2)")
PADFA = OwnershipRule("us-padfa", Fraction(20), Fraction(50), "PADFA sec. 2(c)(2)(B), (C)")


def test_half_is_enough_and_less_is_not() -> None:
    at = covered_parties({"A": {"S": 50}}, ["S"], DSP)
    below = covered_parties({"A": {"S": "49.999"}}, ["S"], DSP)
    assert list(at.covered) == ["S", "A"]
    assert list(below.covered) == ["S"]
    assert below.shares_percent["A"] == Fraction(49999, 1000)


def test_a_chain_of_majorities_counts_in_full() -> None:
    found = covered_parties({"B": {"A": 50}, "C": {"B": 50}, "A": {"S": 50}}, ["S"], DSP)
    assert list(found.covered) == ["S", "A", "B", "C"]
    assert found.shares_percent["C"] == 50


def test_a_minority_link_counts_in_proportion() -> None:
    found = covered_parties({"A": {"S": 40}, "B": {"A": 60, "S": 30}}, ["S"], DSP)
    assert found.shares_percent["B"] == 54
    assert "B" in found.covered
    assert "A" not in found.covered


def test_holdings_of_several_covered_parties_add_up() -> None:
    found = covered_parties({"A": {"S": 25, "T": "25", "X": 50}}, ["S", "T"], DSP)
    assert found.covered["A"].ground == "share"
    assert {s.owner for s in found.covered["A"].because} == {"S", "T"}


def test_a_circle_is_solved_exactly() -> None:
    # a = 30 + 0.4 b, b = 0.5 a  →  a = 37.5, b = 18.75
    found = covered_parties({"A": {"S": 30, "B": 40}, "B": {"A": 50}}, ["S"], DSP)
    assert found.shares_percent["A"] == Fraction(75, 2)
    assert found.shares_percent["B"] == Fraction(75, 4)
    assert list(found.covered) == ["S"]


def test_a_circle_that_lifts_itself_over_the_line() -> None:
    # a = 45 + 0.2 b, b = 0.6 a  →  a = 45 / 0.88 > 50, then b counts a's 60 in full.
    found = covered_parties({"A": {"S": 45, "B": 20}, "B": {"A": 60}}, ["S"], DSP)
    assert found.covered.keys() == {"S", "A", "B"}
    assert found.shares_percent == {"S": 100, "A": 65, "B": 60}


def test_companies_that_own_one_another_wholly_are_covered_by_nobody() -> None:
    found = covered_parties({"A": {"B": 100}, "B": {"A": 100}}, ["S"], DSP)
    assert found.shares_percent == {"S": 100, "A": 0, "B": 0}
    assert list(found.covered) == ["S"]


def test_own_shares_are_left_out_of_the_reckoning() -> None:
    found = covered_parties({"A": {"S": 40, "A": 20}}, ["S"], DSP)
    assert found.shares_percent["A"] == 50
    assert "A" in found.covered
    alone = covered_parties({"A": {"A": 100}}, ["S"], DSP)
    assert alone.shares_percent["A"] == 0
    nothing = covered_parties({"A": {"A": 100, "S": 0}}, ["S"], DSP)
    assert list(nothing.covered) == ["S"]


def test_padfa_twenty_per_cent() -> None:
    at = covered_parties({"A": {"S": 20}}, ["S"], PADFA)
    below = covered_parties({"A": {"S": 19.9}}, ["S"], PADFA)
    assert "A" in at.covered
    assert "A" not in below.covered


def test_padfa_counts_a_minority_link_in_proportion_but_direction_in_full() -> None:
    found = covered_parties({"A": {"S": 20}, "B": {"A": 50}, "C": {"A": 49}}, ["S"], PADFA)
    assert found.shares_percent["B"] == 10
    assert found.covered["B"].ground == "direction"
    assert "C" not in found.covered


def test_the_same_graph_differs_between_the_two_regimes() -> None:
    stakes = {"A": {"S": 30}}
    assert "A" not in covered_parties(stakes, ["S"], DSP).covered
    assert "A" in covered_parties(stakes, ["S"], PADFA).covered


def test_the_proof_names_every_holding_seeds_first() -> None:
    found = covered_parties({"B": {"A": 60, "S": 30}, "A": {"S": 40}}, ["S", "T"], DSP)
    proof = found.proof("B")
    assert proof[0] == "S: covered in its own right"
    assert proof[1] == "A: not covered itself, 40 % counts (S 40 %)"
    assert proof[2].startswith("B: 54 % in aggregate, at least 50 % (A 60 % counting 24 %, S 30 %)")
    assert found.proof("A") == []
    assert found.proof("unheard-of") == []


def test_a_proof_through_a_carrier_reaches_its_seed() -> None:
    found = covered_parties({"B": {"A": 100}, "A": {"M": 100}, "M": {"S": 49, "T": 1}}, "ST", DSP)
    assert found.proof("B")[:2] == ["S: covered in its own right", "T: covered in its own right"]
    low = covered_parties({"B": {"A": 100, "S": 0}, "A": {"S": 49}}, ["S"], PADFA)
    assert [line.split(":")[0] for line in low.proof("B")] == ["S", "A", "B"]


def test_an_immune_party_is_not_covered_but_looked_through() -> None:
    stakes = {"US Inc": {"S": 80}, "GmbH": {"US Inc": 50}}
    found = covered_parties(stakes, ["S"], DSP, immune=["US Inc"])
    assert found.covered.keys() == {"S", "GmbH"}
    assert found.shares_percent["US Inc"] == 80
    assert found.proof("GmbH")[1].startswith("US Inc: never covered through ownership")
    assert covered_parties(stakes, ["S", "US Inc"], DSP, immune=["US Inc"]).covered.keys() == {
        "S",
        "US Inc",
        "GmbH",
    }


def test_seeds_stay_seeds_whoever_owns_them() -> None:
    found = covered_parties({"S": {"X": 100}, "A": {"S": 50}}, ["S"], DSP)
    assert found.covered["S"].ground == "seed"
    assert found.shares_percent["S"] == 100
    assert "A" in found.covered


@pytest.mark.parametrize("share", ["a third", -1, 101, True, "1/0", float("nan")])
def test_a_share_that_is_none_is_refused(share: object) -> None:
    with pytest.raises(InvalidInput, match="the share of S in A"):
        covered_parties({"A": {"S": share}}, ["S"], DSP)  # type: ignore[dict-item]


def test_more_than_the_whole_is_refused() -> None:
    with pytest.raises(InvalidInput, match="more than 100 per cent"):
        covered_parties({"A": {"S": 60, "T": "40.1"}}, ["S"], DSP)


def test_a_circle_beyond_the_limit_is_refused() -> None:
    size = MAX_CIRCLE + 1
    stakes = {f"E{i}": {f"E{(i + 1) % size}": 10} for i in range(size)}
    with pytest.raises(InvalidInput, match="circle"):
        covered_parties(stakes, ["E0"], DSP)


def test_a_very_long_chain_needs_no_recursion() -> None:
    stakes = {f"E{i}": {f"E{i - 1}": 51} for i in range(1, 20_000)}
    found = covered_parties(stakes, ["E0"], DSP)
    assert len(found.covered) == 20_000


def test_exact_fractions_do_not_drift() -> None:
    found = covered_parties({"A": {"S": "100/3", "T": "100/6", "X": 50}}, ["S", "T"], DSP)
    assert found.shares_percent["A"] == 50
    assert "A" in found.covered


def _oracle(
    stakes: dict[str, dict[str, int]], seeds: list[str], rule: OwnershipRule
) -> tuple[set[str], dict[str, float]]:
    """Iterate the definition from zero in floating point, without any thought of order."""
    share = dict.fromkeys(stakes, 0.0)
    covered, full = set(seeds), set(seeds)
    for _ in range(400):
        for name, owners in stakes.items():
            if name in seeds:
                continue
            share[name] = sum(
                p * (1.0 if o in full else share.get(o, 0.0) / 100) for o, p in owners.items()
            )
            directed = sum(p for o, p in owners.items() if o in covered)
            if share[name] >= float(rule.majority_percent) - 1e-9:
                full.add(name)
            if share[name] >= float(rule.threshold_percent) - 1e-9:
                covered.add(name)
            if directed >= rule.majority_percent:
                covered.add(name)
    return covered, share


def _random_graph(rng: random.Random) -> dict[str, dict[str, int]]:
    names = [f"E{i}" for i in range(7)]
    stakes: dict[str, dict[str, int]] = {}
    for name in names:
        left = 97
        stakes[name] = {}
        for owner in rng.sample([*names, "S", "X"], k=rng.randint(0, 4)):
            percent = rng.randint(0, left)
            left -= percent
            if owner != name:
                stakes[name][owner] = percent
    return stakes


@pytest.mark.parametrize("rule", [DSP, PADFA], ids=["dsp", "padfa"])
def test_it_agrees_with_plain_iteration_on_random_graphs(rule: OwnershipRule) -> None:
    rng = random.Random(20261121)
    circles = 0
    for _ in range(60):
        stakes = _random_graph(rng)
        found = covered_parties(stakes, ["S"], rule)
        covered, shares = _oracle(stakes, ["S"], rule)
        assert found.covered.keys() == covered
        for name, share in shares.items():
            assert float(found.shares_percent[name]) == pytest.approx(share, abs=1e-6)
        circles += any(o in stakes and n in stakes[o] for n in stakes for o in stakes[n])
    assert circles > 10


def test_more_ownership_never_covers_fewer() -> None:
    rng = random.Random(7)
    for _ in range(60):
        stakes = _random_graph(rng)
        before = covered_parties(stakes, ["S"], DSP).covered.keys()
        name = rng.choice(sorted(stakes))
        stakes[name]["S"] = stakes[name].get("S", 0) + 3
        assert before <= covered_parties(stakes, ["S"], DSP).covered.keys()

"""Fleet files: what operators write is what is computed, to the last digit."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.limits import MAX_POOLS
from slta.core.marginals import Rational
from slta.core.orders import Index, Kink, Paper
from slta.core.policies import POLICIES
from slta.core.policies.tokens import Beta
from slta.core.utility import LogShareUtility
from slta.fleet_file import FleetFile, Specs, compile_spec, parse_document
from slta.models import PoolSpec
from slta.models.errors import InvalidFleetError


def file_with(utility: dict[str, Any], capacity: int = 3) -> FleetFile:
    return FleetFile.read({"classes": [{"name": "a", "capacity": capacity, "utility": utility}]})


def marginals(utility: dict[str, Any], capacity: int = 3) -> list[Fraction]:
    curve = file_with(utility, capacity).to_spec().classes[0].utility
    found = [curve.marginal(x) for x in range(capacity)]
    assert [marginal for marginal in found if not isinstance(marginal, Rational)] == []
    return [marginal.value for marginal in found if isinstance(marginal, Rational)]


def test_a_tenth_is_a_tenth() -> None:
    assert marginals({"kind": "linear", "slope": Decimal("0.1")}) == [Fraction(1, 10)] * 3


def test_each_kind_of_curve_is_the_formula_it_names() -> None:
    # 2x − x²/20: 2 − (2x + 1)/20
    quadratic = {"kind": "quadratic", "linear": 2, "quadratic": Decimal("-0.05")}
    assert marginals(quadratic) == [Fraction(39, 20), Fraction(37, 20), Fraction(35, 20)]
    # 3/2 min(x, 1.5)
    capped = {"kind": "capped_linear", "slope": Decimal("1.5"), "cap": Decimal("1.5")}
    assert marginals(capped) == [Fraction(3, 2), Fraction(3, 4), 0]
    # −(x + 1)/w
    weighted = {"kind": "weighted_least_connections", "weight": 4}
    assert marginals(weighted) == [Fraction(-1, 4), Fraction(-1, 2), Fraction(-3, 4)]
    table = {"kind": "table", "values": [0, Decimal("1.1"), Decimal("1.3"), Decimal("1.4")]}
    assert marginals(table) == [Fraction(11, 10), Fraction(1, 5), Fraction(1, 10)]
    # α = 2, r = 10: x g(10/x) = −x²/10
    fair = {"kind": "alpha_fair", "resource": 10, "alpha": 2}
    assert marginals(fair) == [Fraction(-1, 10), Fraction(-3, 10), Fraction(-5, 10)]
    share = file_with({"kind": "log_share", "resource": Decimal("30.5")}).to_spec().classes[0].utility
    assert share == LogShareUtility(Fraction(61, 2))


def test_what_is_not_said_has_the_values_that_the_documentation_names() -> None:
    spec = file_with({"kind": "linear", "slope": 1}).to_spec()
    assert (spec.policy.name, spec.beta) == ("slta", Beta(exponent=Fraction(45, 100)))
    assert (spec.lease_seconds, spec.retention_seconds) == (21_600, 600)


def test_beta_is_an_exponent_or_fixed() -> None:
    def beta(**given: Decimal) -> Beta:
        one = {"name": "a", "capacity": 1, "utility": {"kind": "linear", "slope": 1}}
        return FleetFile.read({"beta": given, "classes": [one]}).to_spec().beta

    assert beta(exponent=Decimal("0.3")).min_green(100) == 26  # 100^0.7 = 25.1
    assert beta(fixed=Decimal("0.05")).min_green(100) == 5


def with_order(order: Any, policy: str = "jlmu", pools: int = 4) -> FleetFile:
    classes = [{"name": "a", "capacity": 2, "utility": {"kind": "linear", "slope": 1}, "pools": pools}]
    return FleetFile.read({"policy": policy, "order": order, "classes": classes})


def test_the_order_is_the_papers_unless_another_is_named() -> None:
    assert file_with({"kind": "linear", "slope": 1}).to_spec().order == Paper()
    assert with_order({"kind": "paper"}).to_spec().order == Paper()
    assert with_order({"kind": "kink"}, "slta").to_spec().order == Kink()
    assert with_order({"kind": "kink"}, "slta-greedy").to_spec().order == Kink()


def test_the_load_of_an_index_is_shared_by_the_pools_that_are_named_or_asked_for() -> None:
    load = {"kind": "index", "load_per_pool": Decimal("2.5")}
    assert with_order(load).to_spec().order == Index(10.0)
    assert with_order(load | {"pools": 20}).to_spec().order == Index(50.0)
    assert with_order(load | {"pools": 20}, pools=0).to_spec().order == Index(50.0)


@pytest.mark.parametrize(
    ("order", "policy", "pools", "reason"),
    [
        ("kink", "jlmu", 4, "^order: must be an object with fields$"),
        ({"load_per_pool": 5}, "jlmu", 4, "^order: requires the field kind$"),
        ({"kind": "best"}, "jlmu", 4, "^order: kind must be one of 'paper', 'kink', 'index'$"),
        ({"kind": "index"}, "jlmu", 4, "^order.load_per_pool: field required$"),
        ({"kind": "index", "load_per_pool": 0}, "jlmu", 4, "order.load_per_pool: input should be greater than 0"),
        (
            {"kind": "index", "load_per_pool": 4097},
            "jlmu",
            4,
            "order.load_per_pool: input should be less than or equal to 4096",
        ),
        (
            {"kind": "index", "load_per_pool": 5, "pools": 0},
            "jlmu",
            4,
            "order.pools: input should be greater than or equal",
        ),
        ({"kind": "kink", "load_per_pool": 5}, "jlmu", 4, "order.load_per_pool: is not a known field"),
        ({"kind": "index", "load_per_pool": 5}, "jlmu", 0, "^order: requires order.pools, or pools of the classes"),
        (
            {"kind": "index", "load_per_pool": 5},
            "slta",
            4,
            "^order: kind index does not support policy slta: use kind paper or",
        ),
        (
            {"kind": "index", "load_per_pool": 5},
            "slta-greedy",
            4,
            "^order: kind index does not support policy slta-greedy: ",
        ),
    ],
)
def test_an_order_that_cannot_be_says_why(order: dict[str, Any], policy: str, pools: int, reason: str) -> None:
    with pytest.raises(InvalidFleetError, match=reason):
        with_order(order, policy, pools).to_spec()


def with_unit(unit: object) -> FleetFile:
    curve = {"kind": "linear", "slope": 1}
    return FleetFile.read({"utility_unit": unit, "classes": [{"name": "a", "capacity": 3, "utility": curve}]})


@pytest.mark.parametrize("unit", ["frames/s", "m²", "€ per hour", "x", "x" * 24])
def test_a_unit_is_kept_in_the_document_and_the_spec(unit: str) -> None:
    file = with_unit(unit)
    assert parse_document(file.document()) == file
    assert file.to_spec().utility_unit == unit


@pytest.mark.parametrize("unit", ["", " ", "x ", " x", "x" * 25, "a\nb", "x\n", "\u00ad", "\u202ex", "\u4e2d", 7])
def test_what_is_no_unit_is_refused(unit: object) -> None:
    with pytest.raises(InvalidFleetError, match=r"^utility_unit: (must have 1 to 24 |input should be )"):
        with_unit(unit)


def test_a_document_without_a_unit_does_not_mention_one() -> None:
    assert "unit" not in with_unit(None).document()


@pytest.mark.parametrize(
    "order", [{"kind": "paper"}, {"kind": "kink"}, {"kind": "index", "load_per_pool": Decimal("2.50"), "pools": 3}]
)
def test_a_document_names_its_order_and_reads_back(order: dict[str, Any]) -> None:
    file = with_order(order)
    again = parse_document(file.document())
    assert again.to_spec() == file.to_spec()
    assert again.document() == file.document()


def test_pools_are_numbered_after_their_class() -> None:
    curve = {"kind": "linear", "slope": 1}
    pools = {"a": 2, "b": 0, "c": 1}
    classes = [{"name": name, "capacity": 1, "utility": curve, "pools": n} for name, n in pools.items()]
    assert FleetFile.read({"classes": classes}).wanted_pools() == [
        PoolSpec("a-1", "a"),
        PoolSpec("a-2", "a"),
        PoolSpec("c-1", "c"),
    ]


numbers = st.decimals(min_value=-1000, max_value=1000, places=6) | st.integers(-1000, 1000)


@given(slope=numbers, resource=st.decimals(min_value="0.001", max_value=1000, places=9))
def test_a_document_reads_back_as_the_same_fleet(slope: Decimal, resource: Decimal) -> None:
    curves = {"kind": "linear", "slope": slope}, {"kind": "log_share", "resource": resource}
    classes = [{"name": name, "capacity": 2, "utility": u, "pools": 3} for name, u in zip("ab", curves, strict=True)]
    file = FleetFile.read({"classes": classes})
    again = parse_document(file.document())
    assert again.to_spec() == file.to_spec()
    assert again.document() == file.document()
    assert "E" not in file.document()


def test_pools_are_not_numbered_after_a_name_that_leaves_no_room_for_the_number() -> None:
    a_class = {"name": "a" * 126, "capacity": 1, "utility": {"kind": "linear", "slope": 1}}
    assert FleetFile.read({"classes": [a_class | {"pools": 9}]}).wanted_pools()[-1][0] == "a" * 126 + "-9"
    with pytest.raises(InvalidFleetError, match="name is too long: the pool ids"):
        FleetFile.read({"classes": [a_class | {"pools": 10}]})


def test_equal_numbers_written_differently_are_the_same_document() -> None:
    written = [Decimal(text) for text in ("1.50", "1.5", "15e-1", "0.15E+1", "+1.5")]
    assert len({file_with({"kind": "linear", "slope": number}).document() for number in written}) == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (Decimal("1e999"), "must be 0 or between 1e-12 and 1e13"),
        (Decimal("1e-13"), "must be 0 or between 1e-12 and 1e13"),
        (Decimal("1e13"), "must be 0 or between 1e-12 and 1e13"),
        (10**400, "too large"),
        (Decimal("NaN"), "must be finite"),
        (Decimal("-Infinity"), "must be finite"),
        (Decimal("1." + "1" * 40), "at most 30 digits"),
        (0.1, "must be a number"),
        (True, "must be a number"),
        ("1", "must be a number"),
        (None, "must be a number"),
    ],
)
def test_a_number_that_is_not_exact_or_out_of_range_is_refused(number: object, reason: str) -> None:
    with pytest.raises(InvalidFleetError, match=reason) as caught:
        file_with({"kind": "linear", "slope": number})
    assert str(caught.value).startswith("classes[0].utility.slope: ")


def test_a_curve_that_bends_the_wrong_way_is_refused_with_the_first_x() -> None:
    values = [Decimal(text) for text in ("0", "1", "1.9", "2.7", "3.6", "5")]
    file = file_with({"kind": "table", "values": values}, capacity=5)
    with pytest.raises(InvalidFleetError, match=r"class a: the utility is not concave.* x = 3"):
        file.to_spec()
    with pytest.raises(InvalidFleetError, match="x = 1"):
        file_with({"kind": "quadratic", "linear": 1, "quadratic": Decimal("0.000001")}).to_spec()


def test_a_request_hears_of_the_first_mistakes_and_how_many_more_there_are() -> None:
    with pytest.raises(InvalidFleetError, match=r"^a: is not a known field; .*; e: is not a known field; and 2 more$"):
        FleetFile.read(dict.fromkeys("abcdef", 1))


@pytest.mark.parametrize(("most", "most_levels", "is_kept"), [(2, 8, False), (3, 8, True), (2, 9, True)])
async def test_a_spec_is_compiled_once_and_the_oldest_is_forgotten_where_many_have_many_levels(
    monkeypatch: pytest.MonkeyPatch, most: int, most_levels: int, is_kept: bool
) -> None:
    monkeypatch.setattr(Specs, "MAX_SPECS", most)
    monkeypatch.setattr(Specs, "MAX_LEVELS", most_levels)
    specs = Specs()
    documents = [file_with({"kind": "linear", "slope": k}).document() for k in (1, 2, 3)]
    first = await specs.of(documents[0])
    for document in documents:  # of three levels each
        await specs.of(document)
    assert (await specs.of(documents[0]) is first) == is_kept


any_number = st.decimals(allow_nan=False, allow_infinity=False, min_value="-9e12", max_value="9e12", places=12) | (
    st.builds(lambda digit, power: Decimal(digit).scaleb(power), st.integers(-9, 9), st.integers(-12, 12))
)
any_curve = st.one_of(
    st.fixed_dictionaries({"kind": st.just("log_share"), "resource": any_number}),
    st.fixed_dictionaries({"kind": st.just("alpha_fair"), "resource": any_number, "alpha": any_number}),
    st.fixed_dictionaries({"kind": st.just("quadratic"), "linear": any_number, "quadratic": any_number}),
    st.fixed_dictionaries({"kind": st.just("capped_linear"), "slope": any_number, "cap": any_number}),
    st.fixed_dictionaries({"kind": st.just("weighted_least_connections"), "weight": any_number}),
    st.fixed_dictionaries({"kind": st.just("table"), "values": st.lists(any_number, min_size=4, max_size=4)}),
)


@given(st.lists(any_curve, min_size=1, max_size=3))
def test_whatever_numbers_a_file_has_it_compiles_or_is_refused(utilities: list[dict[str, Any]]) -> None:
    classes = [{"name": f"c{i}", "capacity": 3, "utility": utility} for i, utility in enumerate(utilities)]
    try:
        spec = compile_spec(FleetFile.read({"classes": classes}))
    except InvalidFleetError as refused:
        assert "classes[" in str(refused)  # noqa: PT017 - either outcome is right
        return
    assert len(spec.ranking) == 3 * len(classes)
    largest = max(abs(m) for column in spec.integers.marginals for m in column)
    assert largest * MAX_POOLS < 2**53


async def test_stored_documents_are_compiled_with_the_table_of_the_process() -> None:
    table = {"third": dataclasses.replace(POLICIES["jlmu"], name="third")}
    document = file_with({"kind": "linear", "slope": 1}).document().replace("slta", "third")
    assert (await Specs(table).of(document)).policy is table["third"]
    with pytest.raises(InvalidFleetError, match="policy: must be one of slta, jlmu, slta-greedy"):
        await Specs().of(document)

"""Planted mistakes in the orders of coordinates; the tests that compare with the definitions must notice each."""

from __future__ import annotations

from tests.mutants.planting import Mutant, lua_file

CORE = ("tests/core/test_orders.py", "tests/core/policies/test_agreement.py")
STORE = ("tests/store/test_orders.py",)


def kink(right: str, wrong: str) -> Mutant:
    return Mutant("service/slta/core/orders/kink.py", right, wrong, CORE)


def lua(module: str, right: str, wrong: str) -> Mutant:
    return Mutant(lua_file(module), right, wrong, STORE)


MUTANTS = {
    "kink: the farther kink first": kink(
        "-1 if left.distance < right.distance", "-1 if left.distance > right.distance"
    ),
    "kink: the smaller weight first": kink("compare_weights(right, left)", "compare_weights(left, right)"),
    "kink: the product is not carried along a flat run": kink("distance + 1, product * x", "distance + 1, x"),
    "kink: weights are compared as floats": kink(
        "        return 1 if left.weight > right.weight else -1\n",
        "        return (float(left.weight) > float(right.weight)) - (float(left.weight) < float(right.weight))\n",
    ),
    "kink: nothing counts as equal": kink(".scaleb(-DIGITS):", ".scaleb(-2 * DIGITS):"),
    "index: a place is worth its marginal utility": Mutant(
        "service/slta/core/orders/index.py", "for price in prices(column, self.sessions)", "for price in column", CORE
    ),
    "the bound follows the index": Mutant(
        "service/slta/core/fleet.py",
        "self.ranking if self.order.by_marginal else self.paper_ranking",
        "self.ranking",
        CORE,
    ),
    "a change of order ends the windows": lua(
        "fleets", "if totals_differ or types_differ then", "if tables_differ or types_differ then"
    ),
    "curves may change within a window": lua(
        "fleets", "if totals_differ or types_differ then", "if false or types_differ then"
    ),
    "r starts anew in another order": lua("fleets", "  end, true, reset)", "  end, true, reset or tables_differ)"),
    "another order leaves the live one": lua("fleets", "  end, true, reset)", "  end, reset, reset)"),
    "the default order changes every digest": Mutant(
        "service/slta/store/encoding.py", "if spec.order == PAPER:", "if spec.order is None:", STORE
    ),
}

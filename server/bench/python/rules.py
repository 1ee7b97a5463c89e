"""mlxtend's and efficient-apriori's half of `kava bench rules`, on one thread: reads baskets, prints one line of JSON.

rules.py FOLDER ROUNDS: `plan.json` names each set of baskets with its thresholds as fractions; `NAME.json` has the baskets as
lists of numbers. Leaves `NAME.rules` beside them: what exact counting in integers makes of mlxtend's item sets, one rule a line
as left side, right side and the counts of both, left and right.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import pandas
from efficient_apriori import apriori
from mlxtend.frequent_patterns import association_rules, fpgrowth
from mlxtend.preprocessing import TransactionEncoder

warnings.filterwarnings("ignore")
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])


def median_seconds(work):
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        found = work()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[len(taken) // 2], found


def with_mlxtend(baskets, support, confidence):
    encoder = TransactionEncoder()
    table = pandas.DataFrame(encoder.fit(baskets).transform(baskets), columns=encoder.columns_)
    sets = fpgrowth(table, min_support=support, use_colnames=True)
    return sets, association_rules(sets, metric="confidence", min_threshold=confidence)


def exact_rules(sets, baskets, numerator, denominator):
    counts = {items: round(support * len(baskets)) for items, support in zip(sets["itemsets"], sets["support"])}
    for items, both in counts.items():
        for size in range(1, len(items)):
            for left in map(frozenset, combinations(sorted(items), size)):
                if both * denominator >= numerator * counts[left]:
                    right = items - left
                    yield sorted(left), sorted(right), both, counts[left], counts[right]


figures = {"mlxtend": version("mlxtend"), "efficient_apriori": version("efficient-apriori")}
for plan in json.loads((folder / "plan.json").read_text()):
    name, (of, all_), (sure, whole) = plan["name"], plan["support"], plan["confidence"]
    baskets = json.loads((folder / f"{name}.json").read_text())
    seconds, (sets, rules) = median_seconds(lambda: with_mlxtend(baskets, of / all_, sure / whole))
    tuples = [tuple(basket) for basket in baskets]
    other_seconds, (_, other_rules) = median_seconds(
        lambda: apriori(tuples, min_support=of / all_, min_confidence=sure / whole, max_length=32)
    )
    with open(folder / f"{name}.rules", "w") as file:
        for rule in exact_rules(sets, baskets, sure, whole):
            print(json.dumps(rule), file=file)
    figures[name] = {
        "sets": len(sets),
        "mlxtend_seconds": seconds,
        "mlxtend_rules": len(rules),
        "efficient_apriori_seconds": other_seconds,
        "efficient_apriori_rules": len(other_rules),
    }
print(json.dumps(figures))

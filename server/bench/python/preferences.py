"""The peers' half of `kava bench preferences`, on one thread: reads who bought what, writes the first ten of each customer.

preferences.py FOLDER ROUNDS: `plan.json` names the cuts and how many items there are. `NAME.train` has rows of three 32-bit
integers: customer, item, how often; `NAME.last` the customer and the items of their last purchase; `NAME.asked` the customers to rank
for. Of the cut named `tuning`, `tuning.wanted` has customer and item. Leaves `NAME.PEER.top` beside them: ten items for each customer
asked for. What is chosen on `tuning` is used for every cut.

EASE is Steck 2019, in numpy; item-kNN and ALS are those of the package implicit. All may name what somebody has bought before,
because customers buy it again.
"""

import json
import sys
import time
from pathlib import Path

import implicit
import numpy
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from scipy.sparse import csr_matrix

folder = Path(sys.argv[1])
plan = json.loads((folder / "plan.json").read_text())
ITEMS, FIRST = plan["items"], 10


def numbers(name, columns):
    return numpy.fromfile(folder / name, dtype="<i4").reshape(-1, columns)


def load(cut):
    rows = numbers(f"{cut}.train", 3)
    customers = rows[:, 0].max() + 1
    bought = csr_matrix((rows[:, 2].astype("f4"), (rows[:, 0], rows[:, 1])), shape=(customers, ITEMS))
    return bought, numbers(f"{cut}.asked", 1)[:, 0]


def binary(bought):
    plain = bought.copy()
    plain.data[:] = 1
    return plain


def first_of(scores):
    return numpy.argsort(-scores, axis=1, kind="stable")[:, :FIRST]


def popularity(bought, asked, cut):
    order = first_of(numpy.asarray(binary(bought).sum(axis=0)))
    return numpy.repeat(order, len(asked), axis=0)


def repeat_last(bought, asked, cut):
    popular = numpy.asarray(binary(bought).sum(axis=0))[0]
    scores = numpy.tile(popular / (popular.max() + 1), (len(asked), 1))
    places = {customer: place for place, customer in enumerate(asked)}
    for customer, item in numbers(f"{cut}.last", 2):
        if customer in places:
            scores[places[customer], item] += 1
    return first_of(scores)


def ease(bought, asked, cut, ridge, counted):
    known = bought.log1p() if counted else binary(bought)
    gram = numpy.asarray((known.T @ known).todense(), dtype="f8")
    gram[numpy.diag_indices(ITEMS)] += ridge
    inverse = numpy.linalg.inv(gram)
    weights = inverse / -numpy.diag(inverse)
    weights[numpy.diag_indices(ITEMS)] = 0
    return first_of(known[asked] @ weights)


def fitted(model, known, asked):
    model.fit(known, show_progress=False)
    return model.recommend(asked, known[asked], N=FIRST, filter_already_liked_items=False)[0]


def item_knn(bought, asked, cut, kind, neighbours, counted):
    made = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}[kind]
    return fitted(made(K=neighbours, num_threads=1), bought if counted else binary(bought), asked)


def als(bought, asked, cut, factors, regularisation, alpha):
    model = AlternatingLeastSquares(
        factors=factors, regularization=regularisation, alpha=alpha, iterations=15, num_threads=1, random_state=1
    )
    return fitted(model, bought, asked)


PEERS = {
    "popularity": (popularity, [{}]),
    "repeat_last": (repeat_last, [{}]),
    "ease": (ease, [{"ridge": ridge, "counted": counted} for ridge in (50, 200, 800) for counted in (False, True)]),
    "item_knn": (
        item_knn,
        [
            {"kind": kind, "neighbours": k, "counted": counted}
            for kind in ("cosine", "tfidf", "bm25")
            for k in (5, 20, 100, 300)
            for counted in (False, True)
        ],
    ),
    "als": (
        als,
        [
            {"factors": factors, "regularisation": regularisation, "alpha": alpha}
            for factors in (32, 96, 192)
            for regularisation in (0.1, 5)
            for alpha in (1, 10)
        ],
    ),
}


def ndcg(lists, asked, wanted):
    gains = 1 / numpy.log2(numpy.arange(2, FIRST + 2))
    total = 0
    for customer, items in zip(asked, lists):
        hit = numpy.isin(items, list(wanted[customer]))
        total += (hit * gains).sum() / gains[: min(len(wanted[customer]), FIRST)].sum()
    return total / len(asked)


bought, asked = load("tuning")
wanted = {customer: set() for customer in asked}
for customer, item in numbers("tuning.wanted", 2):
    wanted[customer].add(item)
figures = {"version": implicit.__version__, "chosen": {}, "seconds": {}}
for name, (work, grid) in PEERS.items():
    tried = grid if len(grid) == 1 else sorted(grid, key=lambda one: -ndcg(work(bought, asked, "tuning", **one), asked, wanted))
    figures["chosen"][name] = tried[0]
for cut in plan["cuts"]:
    bought, asked = load(cut)
    for name, (work, _) in PEERS.items():
        started = time.perf_counter()
        lists = work(bought, asked, cut, **figures["chosen"][name])
        figures["seconds"][name] = time.perf_counter() - started
        numpy.asarray(lists).astype("<i4").tofile(folder / f"{cut}.{name}.top")
print(json.dumps(figures))

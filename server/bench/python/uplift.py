"""Uplift learners over LightGBM on the trial that kava has written, scored by scikit-uplift; and kava's own predictions by the same."""
import json, sys, pathlib
import numpy as np
import lightgbm, sklift
from sklift.metrics import qini_auc_score, uplift_at_k

folder = pathlib.Path(sys.argv[1])
plan = json.loads((folder / "plan.json").read_text())
rows, features = plan["rows"], plan["features"]
x = np.fromfile(folder / "table.rows").reshape(features, rows).T.copy()


def booster(kind):
    model = lightgbm.LGBMClassifier if kind == "whether" else lightgbm.LGBMRegressor
    return model(n_estimators=100, num_leaves=8, learning_rate=0.05, min_child_samples=100, random_state=1, n_jobs=1, verbose=-1)


def whether(x, y, at):
    return booster("whether").fit(x, y).predict_proba(at)[:, 1]


def how_much(x, y, at):
    return booster("how_much").fit(x, y).predict(at)


def t_learner(x, w, y, at):
    return whether(x[w == 1], y[w == 1], at) - whether(x[w == 0], y[w == 0], at)


def s_learner(x, w, y, at):
    model = booster("whether").fit(np.column_stack([x, w]), y)
    with_, without = (np.column_stack([at, np.full(len(at), v)]) for v in (1, 0))
    return model.predict_proba(with_)[:, 1] - model.predict_proba(without)[:, 1]


def x_learner(x, w, y, at):
    of_treated = y[w == 1] - whether(x[w == 0], y[w == 0], x[w == 1])
    of_others = whether(x[w == 1], y[w == 1], x[w == 0]) - y[w == 0]
    share = w.mean()
    return share * how_much(x[w == 0], of_others, at) + (1 - share) * how_much(x[w == 1], of_treated, at)


def transformed(x, w, y, at):
    share = w.mean()
    return how_much(x, y * (w - share) / (share * (1 - share)), at)


def doubly_robust(x, w, y, at):
    share, robust, fold = w.mean(), np.zeros(len(y)), np.arange(len(y)) % 3
    for k in range(3):
        seen, kept = fold != k, fold == k
        m1 = whether(x[seen & (w == 1)], y[seen & (w == 1)], x[kept])
        m0 = whether(x[seen & (w == 0)], y[seen & (w == 0)], x[kept])
        robust[kept] = m1 - m0 + w[kept] * (y[kept] - m1) / share - (1 - w[kept]) * (y[kept] - m0) / (1 - share)
    return how_much(x, robust, at)


LEARNERS = {"t": t_learner, "s": s_learner, "x": x_learner, "transformed": transformed, "dr": doubly_robust}
told = {}
for trial in plan["trials"]:
    name = trial["name"]
    of = np.fromfile(folder / f"{name}.of").astype(int)
    w, y = np.fromfile(folder / f"{name}.treated"), np.fromfile(folder / f"{name}.outcomes")
    scores = {}
    for split in range(plan["splits"]):
        unseen = np.fromfile(folder / f"{name}.{split}.unseen").astype(bool)
        xs, ys, ws = x[of], y, w
        predicted = {k: f(xs[~unseen], ws[~unseen], ys[~unseen], xs[unseen]) for k, f in LEARNERS.items()}
        predicted["kava"] = np.fromfile(folder / f"{name}.{split}.kava")
        for k, p in predicted.items():
            scores.setdefault(k, []).append([
                float(qini_auc_score(ys[unseen], p, ws[unseen])),
                float(uplift_at_k(ys[unseen], p, ws[unseen], strategy="overall", k=0.3)),
            ])
    told[name] = scores
print(json.dumps({"versions": f"scikit-uplift {sklift.__version__}, LightGBM {lightgbm.__version__}", "scores": told}))

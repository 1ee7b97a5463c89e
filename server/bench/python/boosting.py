"""LightGBM's training and XGBoost's predictions on the rows that kava has written, each on one thread, in processor time."""
import json, sys, pathlib, time
import numpy as np
import lightgbm, xgboost
from sklearn.metrics import roc_auc_score

folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
plan = json.loads((folder / "plan.json").read_text())
rows, unseen, features = plan["rows"], plan["unseen"], plan["features"]
x = np.fromfile(folder / "seen.rows").reshape(features, rows).T.copy()
y = np.fromfile(folder / "seen.outcomes")
x_unseen = np.fromfile(folder / "unseen.rows").reshape(features, unseen).T.copy()
y_unseen = np.fromfile(folder / "unseen.outcomes")
trees, depth, rate = plan["trees"], plan["depth"], plan["learning_rate"]


def seconds(work):
    taken = []
    for _ in range(rounds + 1):
        began = time.process_time()
        found = work()
        taken.append(time.process_time() - began)
    return sorted(taken[1:])[len(taken[1:]) // 2], found


def grow_lightgbm():
    return lightgbm.LGBMClassifier(
        n_estimators=trees, max_depth=depth, num_leaves=2**depth - 1, learning_rate=rate, colsample_bytree=plan["columns"],
        reg_lambda=plan["l2"], min_child_weight=plan["least"], min_child_samples=1, n_jobs=1, random_state=1, verbose=-1,
    ).fit(x, y)


trained, model = seconds(grow_lightgbm)
by_xgboost = xgboost.XGBClassifier(
    n_estimators=trees, max_depth=depth, learning_rate=rate, colsample_bytree=plan["columns"], reg_lambda=plan["l2"],
    min_child_weight=plan["least"], tree_method="hist", n_jobs=1, random_state=1,
).fit(x, y)
predicted, found = seconds(lambda: by_xgboost.predict(x_unseen, output_margin=True))
print(json.dumps({
    "versions": f"LightGBM {lightgbm.__version__}, XGBoost {xgboost.__version__}",
    "train_seconds": trained,
    "auc": float(roc_auc_score(y_unseen, model.predict_proba(x_unseen)[:, 1])),
    "xgboost_auc": float(roc_auc_score(y_unseen, found)),
    "predict_seconds": predicted,
}))

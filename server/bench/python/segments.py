"""scikit-learn's half of `kava bench segments`, on one thread: reads rows of 64-bit floats, prints one line of JSON.

segments.py FOLDER ROUNDS: `kmeans.rows` (10 columns), `dbscan.rows` and `duplicates.rows` (4 columns), and `plan.json`.
Leaves scikit-learn's labels beside them as 32-bit integers.
"""

import json
import sys
import time
from pathlib import Path

import numpy
import sklearn
from sklearn.cluster import DBSCAN, KMeans

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
plan = json.loads((folder / "plan.json").read_text())


def rows(name, columns):
    return numpy.fromfile(folder / f"{name}.rows", dtype="<f8").reshape(-1, columns)


def median_seconds(work):
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        found = work()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[len(taken) // 2], found


figures = {"version": sklearn.__version__}
data = rows("kmeans", plan["kmeans_columns"])
seconds, found = median_seconds(
    lambda: KMeans(plan["clusters"], n_init=plan["runs"], random_state=1, algorithm="lloyd").fit(data)
)
figures["kmeans"] = {"seconds": seconds, "inertia": float(found.inertia_)}
for name in ["dbscan", "duplicates"]:
    data = rows(name, plan["dbscan_columns"])
    seconds, found = median_seconds(lambda: DBSCAN(eps=plan["reach"], min_samples=plan["min_points"]).fit(data))
    found.labels_.astype("<i4").tofile(folder / f"{name}.labels")
    figures[name] = {"seconds": seconds}
print(json.dumps(figures))

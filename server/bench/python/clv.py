"""The half of `kava bench clv` that is the package lifetimes, on one thread: reads rows of 64-bit floats (repeats, last, age),
prints one line of JSON.

clv.py FOLDER ROUNDS: `sample.rows` and `master.rows`.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import lifetimes
import numpy
from lifetimes import BetaGeoFitter

warnings.filterwarnings("ignore")
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
figures = {"version": lifetimes.__version__}
for name in ["sample", "master"]:
    repeats, last, age = numpy.fromfile(folder / f"{name}.rows", dtype="<f8").reshape(-1, 3).T
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        fitted = BetaGeoFitter(penalizer_coef=0.0).fit(repeats.astype(int), last, age)
        taken.append(time.perf_counter() - started)
    model = {parameter: float(value) for parameter, value in fitted.params_.items()}
    figures[name] = {"seconds": sorted(taken)[len(taken) // 2], "model": model}
print(json.dumps(figures))

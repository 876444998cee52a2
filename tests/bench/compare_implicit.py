#!/usr/bin/env python3
"""Seconds per iALS iteration of `bench_mf speed` over those of PyPI `implicit`, same data, same factors, same run.

    pip install implicit
    compare_implicit.py BENCH_MF TRAIN_LISTS [FACTORS] [THREADS]

implicit runs with conjugate gradients and with Cholesky; the faster one counts. Where implicit is not installed,
it says so and leaves with 0. It needs OPENBLAS_NUM_THREADS=1, which is what its own warning asks for.
"""
import os, re, statistics, subprocess, sys, time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import implicit.als, numpy, scipy.sparse
except ImportError as error:
    print("skipped:", error)
    sys.exit(0)


def matrix(path):
    users, items, rows, columns = {}, {}, [], []
    for line in open(path):
        fields = line.split()
        user = users.setdefault(fields[0], len(users))
        for item in fields[1:]:
            rows.append(user)
            columns.append(items.setdefault(item, len(items)))
    out = scipy.sparse.csr_matrix((numpy.ones(len(rows), "float32"), (rows, columns)))
    out.data[:] = 1
    return out


def theirs(data, factors, threads, use_cg, rounds=7):
    model = implicit.als.AlternatingLeastSquares(factors=factors, regularization=0.05, iterations=rounds, use_cg=use_cg,
                                                 num_threads=threads, use_gpu=False, random_state=1)
    times, last = [], [time.perf_counter()]

    def tick(*_):
        times.append(time.perf_counter() - last[0])
        last[0] = time.perf_counter()

    model.fit_callback = tick
    model.fit(data, show_progress=False)
    return times[1:]


bench, path = sys.argv[1], sys.argv[2]
factors = int(sys.argv[3]) if len(sys.argv) > 3 else 64
threads = int(sys.argv[4]) if len(sys.argv) > 4 else os.cpu_count()
data = matrix(path)
ours, other = [], {True: [], False: []}
for _ in range(2):  # in turns, so that a busy neighbour meets both
    out = subprocess.run([bench, "speed", "--train", path, "--factors", str(factors), "--threads", str(threads)],
                         capture_output=True, text=True, check=True).stdout
    ours.append(float(re.search(r"iALS iteration: median ([0-9.]+)", out).group(1)))
    for use_cg in (True, False):
        other[use_cg].append(statistics.median(theirs(data, factors, threads, use_cg)))
mine, cg, cholesky = min(ours), min(other[True]), min(other[False])
print(f"{path}: {factors} factors, {threads} threads: ours {mine:.3f} s, implicit conjugate gradients {cg:.3f} s, "
      f"Cholesky {cholesky:.3f} s; ratio {mine / min(cg, cholesky):.2f}")

#!/usr/bin/env python3
"""Seconds per iteration of PyPI `implicit`, for the ratio with `bench_mf speed` on the same file.

  OPENBLAS_NUM_THREADS=1 python3 implicit_als.py TRAIN [--factors 128] [--threads 2] [--test TEST]

With --against BENCH_MF the two take turns, --rounds times, and the medians and their ratio are told.

TRAIN and TEST hold 'user item item ...' or 'user item' lines; the latter need the ending .pairs or
--format pairs for bench_mf. Its own
best setting: conjugate gradients (3 steps), native code, 32-bit, BLAS on one thread as it advises.
With --test also Recall@20 and NDCG@20 over all items, the history masked, of these factors.
Needs numpy, scipy and implicit; nothing of the product does.
"""
import argparse
import re
import statistics
import subprocess
import time

import numpy
import scipy.sparse
from implicit.cpu.als import AlternatingLeastSquares


def read(path, users, items, grows):
    rows, columns = [], []
    for line in open(path):
        user, *taken = line.split()
        if grows:
            users.setdefault(user, len(users))
        if user not in users:
            continue
        for item in taken:
            if grows:
                items.setdefault(item, len(items))
            if item in items:
                rows.append(users[user])
                columns.append(items[item])
    ones = numpy.ones(len(rows), numpy.float32)
    matrix = scipy.sparse.csr_matrix((ones, (rows, columns)), (len(users), len(items)))
    matrix.data[:] = 1
    return matrix


def theirs(train, options):
    """Medians of wall and CPU seconds of an iteration, and the model."""
    model = AlternatingLeastSquares(
        factors=options.factors, regularization=options.regularization, alpha=options.alpha,
        iterations=options.iterations, num_threads=options.threads, random_state=1)
    walls, cpus = [], []
    last = [time.perf_counter(), time.process_time()]

    def tell(*_):
        now = [time.perf_counter(), time.process_time()]
        walls.append(now[0] - last[0])
        cpus.append(now[1] - last[1])
        last[:] = now

    model.fit(train, show_progress=False, callback=tell)
    # The first iteration holds the transposition, too.
    print(f"implicit iteration: median {statistics.median(walls[1:]):.3f} s "
          f"({statistics.median(cpus[1:]):.3f} s of CPU), best {min(walls[1:]):.3f} s")
    return statistics.median(walls[1:]), statistics.median(cpus[1:]), model


def ours(options):
    """The same of bench_mf."""
    command = [options.against, "speed", "--train", options.train, "--factors",
               str(options.factors), "--threads", str(options.threads), "--only", "ials"]
    if options.format:
        command += ["--format", options.format]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    print(said)
    return [float(number) for number in
            re.search(r"median ([\d.]+) s \(([\d.]+) s of CPU", said).groups()]


def turns(train, options):
    pairs = [(ours(options), theirs(train, options)[:2]) for _ in range(options.rounds)]
    for which, name in enumerate(("wall", "CPU")):
        mine = statistics.median(pair[0][which] for pair in pairs)
        other = statistics.median(pair[1][which] for pair in pairs)
        print(f"{name}, medians of {len(pairs)} turns: {mine:.3f} s here, {other:.3f} s implicit, "
              f"ratio {mine / other:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("train")
    parser.add_argument("--test")
    parser.add_argument("--against", metavar="BENCH_MF")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--format", choices=["lists", "pairs"])
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=9)
    parser.add_argument("--alpha", type=float, default=10)
    parser.add_argument("--regularization", type=float, default=1)
    options = parser.parse_args()
    users, items = {}, {}
    train = read(options.train, users, items, True)
    if options.against:
        return turns(train, options)
    model = theirs(train, options)[2]
    if not options.test:
        return
    test = read(options.test, users, items, False)
    recall = ndcg = count = 0
    gains = 1 / numpy.log2(numpy.arange(20) + 2)
    for first in range(0, train.shape[0], 512):
        scores = model.user_factors[first:first + 512] @ model.item_factors.T
        for row in range(scores.shape[0]):
            wanted = set(test[first + row].indices) - set(train[first + row].indices)
            if not wanted:
                continue
            scores[row, train[first + row].indices] = -numpy.inf
            best = numpy.argpartition(-scores[row], 20)[:20]
            best = best[numpy.argsort(-scores[row, best])]
            hits = numpy.array([item in wanted for item in best])
            recall += hits.sum() / len(wanted)
            ndcg += (hits * gains).sum() / gains[:min(20, len(wanted))].sum()
            count += 1
    print(f"implicit test: Recall@20 {recall / count:.4f}, NDCG@20 {ndcg / count:.4f}, "
          f"{count} users")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What others reach on the folds of bench_ctr: logistic regression (scikit-learn) and boosted trees (LightGBM).

  bench_ctr --cv FILE --columns ... --write-folds folds.txt
  python3 tests/bench/click_others.py FILE --label Revenue --categories 'Month|Browser' --folds folds.txt

Needs: pip install scikit-learn lightgbm pandas. Both get a few settings and, inside each fold, the one that does best
on a fifth of its training rows; the test part of a fold is seen once."""
import argparse
import warnings

import lightgbm
import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

warnings.filterwarnings("ignore", message=".*eval_set.*")


def trees(seed):
    for leaves in (7, 15, 31):
        for least in (20, 60):
            yield lightgbm.LGBMClassifier(n_estimators=400, learning_rate=0.03, num_leaves=leaves, subsample=0.8,
                                          subsample_freq=1, colsample_bytree=0.8, min_child_samples=least,
                                          random_state=seed, n_jobs=2, verbose=-1)


def lines(categories, numbers):
    for weight in (0.03, 0.1, 0.3, 1.0):
        columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore", min_frequency=5), categories),
                                          (QuantileTransformer(output_distribution="normal"), numbers))
        yield make_pipeline(columns, LogisticRegression(C=weight, max_iter=2000))


def calibration_error(labels, chances, bins=10):
    """Bins of as many rows each, as in bench_ctr."""
    parts = numpy.array_split(numpy.argsort(chances), bins)
    return sum(len(p) * abs(chances[p].mean() - labels[p].mean()) for p in parts) / len(labels)


def best_of(models, x, y, seed):
    inner, held, inner_y, held_y = train_test_split(x, y, test_size=0.2, random_state=seed, stratify=y)
    made = []
    for model in models:
        best_trees = None
        if isinstance(model, lightgbm.LGBMClassifier):
            model.fit(inner, inner_y, eval_set=[(held, held_y)], callbacks=[lightgbm.early_stopping(40, verbose=False)])
            best_trees = model.best_iteration_
        else:
            model.fit(inner, inner_y)
        made.append((log_loss(held_y, model.predict_proba(held)[:, 1]), best_trees, model))
    loss, best_trees, model = min(made, key=lambda entry: entry[0])
    if best_trees:
        model = lightgbm.LGBMClassifier(**{**model.get_params(), "n_estimators": int(best_trees * 1.2)})
    return model.fit(x, y)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file")
    arguments.add_argument("--label", required=True)
    arguments.add_argument("--categories", required=True, help="columns, separated by |")
    arguments.add_argument("--folds", required=True, help="a fold's number per row")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    table = pandas.read_csv(given.file)
    y = table.pop(given.label).astype(int).to_numpy()
    categories = given.categories.split("|")
    for name in categories:
        table[name] = table[name].astype("category")
    numbers = [name for name in table.columns if name not in categories]
    folds = numpy.loadtxt(given.folds, dtype=int)
    for name, models in (("logistic regression", lambda: lines(categories, numbers)),
                         ("boosted trees", lambda: trees(given.seed))):
        rows = []
        for fold in range(folds.max() + 1):
            inside, test = folds != fold, folds == fold
            chances = best_of(models(), table[inside], y[inside], given.seed).predict_proba(table[test])[:, 1]
            rows.append((log_loss(y[test], chances), roc_auc_score(y[test], chances), calibration_error(y[test], chances)))
        mean, spread = numpy.mean(rows, axis=0), numpy.std(rows, axis=0) / numpy.sqrt(len(rows))
        print(f"{name:20} logloss {mean[0]:.4f} +- {spread[0]:.4f}  auc {mean[1]:.4f}  ece {mean[2]:.4f}", flush=True)


if __name__ == "__main__":
    main()

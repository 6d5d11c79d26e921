"""Can a classifier tell two sets of jets apart? AUC 0.5 means it cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tritag.data.jets.features import substructure
from tritag.data.jets.jets import JetBatch
from tritag.errors import DataError

_FOLDS = 5
_JETS_MIN = 100


@dataclass(frozen=True)
class TwoSampleResult:
    """Outcome for one class of jets.

    Attributes
    ----------
    auc : float
        Area under the curve of the classifier on jets it did not see; 0.5 = the sets look the same.
    error : float
        Standard deviation of that area for identical sets of this size (Mann-Whitney).
    n_jets : int
        Jets taken from each set.
    strongest : tuple of str
        The features that alone separate the sets most, with their AUC.
    """

    auc: float
    error: float
    n_jets: int
    strongest: tuple[str, ...]


def compare_sets(one: JetBatch, other: JetBatch, seed: int = 1) -> TwoSampleResult:
    """Two-sample test with gradient-boosted trees on substructure features, cross-validated.

    Both sets should hold one class only. The larger one is cut to the size of the smaller.

    Raises
    ------
    DataError
        Fewer than 100 jets in one of the sets.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    n_jets = min(len(one), len(other))
    if n_jets < _JETS_MIN:
        raise DataError(
            f"a two-sample test needs at least {_JETS_MIN} jets of a class in each set, got {n_jets}; use larger sets"
        )
    features = [substructure(batch[:n_jets]) for batch in (one, other)]
    names = list(features[0])
    columns = np.concatenate([np.stack([part[name] for name in names], axis=-1) for part in features])
    origin = np.repeat([0, 1], n_jets)
    classifier = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.08, max_leaf_nodes=8, random_state=seed)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    # the trees are small: more threads than one only wait for each other on a busy machine
    with threadpool_limits(limits=1):
        score = cross_val_predict(classifier, columns, origin, cv=folds, method="predict_proba")[:, 1]
    alone = {name: float(roc_auc_score(origin, columns[:, i])) for i, name in enumerate(names)}
    strongest = sorted(names, key=lambda name: -abs(alone[name] - 0.5))[:3]
    return TwoSampleResult(
        auc=float(roc_auc_score(origin, score)),
        error=float(np.sqrt((2 * n_jets + 1) / (12 * n_jets**2))),
        n_jets=n_jets,
        strongest=tuple(f"{name} {alone[name]:.3f}" for name in strongest),
    )

"""Writes classification.json beside itself: scikit-learn's figures for made-up predictions.

    python generate_classification.py        (needs scikit-learn; the tests need only the file)
"""
import json, os, random
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

here = os.path.dirname(os.path.abspath(__file__))
random.seed(1)
cases = []
for classes, count, absent in [(2, 1, False), (2, 50, False), (3, 200, False), (5, 40, True), (12, 500, False), (4, 7, True)]:
    # An absent class is never true, and another one is never predicted.
    truth = [random.randrange(classes - (1 if absent else 0)) for _ in range(count)]
    predicted = [
        t if random.random() < 0.6 else random.randrange(1 if absent else 0, classes) for t in truth]
    labels = list(range(classes))

    def scores(average):
        p, r, f, s = precision_recall_fscore_support(
            truth, predicted, labels=labels, average=average, zero_division=0)
        if average is None:
            return [list(map(float, x)) for x in (p, r, f)] + [list(map(int, s))]
        return [float(p), float(r), float(f)]

    cases.append({
        "classes": classes, "truth": truth, "predicted": predicted,
        "accuracy": float(accuracy_score(truth, predicted)),
        "confusion": confusion_matrix(truth, predicted, labels=labels).tolist(),
        "each": scores(None)[:3], "support": scores(None)[3], "macro": scores("macro"), "weighted": scores("weighted")})
json.dump(cases, open(os.path.join(here, "classification.json"), "w"))

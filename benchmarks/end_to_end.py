"""From a raw folder to an evaluated model: this package beside the usual way, one thread and process each.

    pip install torch ecgmentations==0.0.9
    python benchmarks/end_to_end.py [data/ptb-xl]

The usual way is what one would write after the paper: `wfdb.rdsamp` in a loop, `np.polyfit` for each lead,
each lead scaled by its own record, and in PyTorch a Dataset that augments record by record, a DataLoader,
Adam, 25 epochs, the epoch with the best validation accuracy, AUC on the test fold. Ours is `load_ptbxl` and
`train_recipe` by `paper`, without a cache. Each counts its processor time, imports included; PyTorch's
waiting threads make wall times on a busy machine look better for us.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ONE_THREAD = {
    name: "1"
    for name in "OMP_NUM_THREADS OPENBLAS_NUM_THREADS TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS".split()
}
EPOCHS, BATCH = 25, 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="data/ptb-xl")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rounds", type=int, default=1, help="the two ways in turn; medians are printed")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(WAYS[arguments.way](arguments.folder, arguments.epochs)))
        return
    found = {way: [] for way in WAYS}
    for _ in range(arguments.rounds):
        for way, results in found.items():
            command = [
                sys.executable,
                __file__,
                arguments.folder,
                "--way",
                way,
                "--epochs",
                str(arguments.epochs),
            ]
            environment = os.environ | ONE_THREAD | {"TF_CPP_MIN_LOG_LEVEL": "3"}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {
        way: sorted(results, key=lambda r: r["total"])[len(results) // 2] for way, results in found.items()
    }
    print(f"{'processor time in s':24}" + "".join(f"{way:>14}" for way in middle))
    for part in middle["ours"]:
        print(f"{part:24}" + "".join(f"{result[part]:14.3g}" for result in middle.values()))
    print(f"ours / the usual way: {middle['ours']['total'] / middle['usual']['total']:.2f}")


class Stopwatch:
    """Processor time of each part, from the start of the process on."""

    def __init__(self):
        self.parts, self.last = {}, 0.0

    def stop(self, part):
        now = time.process_time()
        self.parts[part], self.last = now - self.last, now

    def result(self, auc):
        used = resource.getrusage(resource.RUSAGE_SELF)
        return self.parts | {"total": used.ru_utime + used.ru_stime, "AUC": auc}


def ours(folder, epochs):
    watch = Stopwatch()
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import tensorflow  # noqa: F401, ICN001
    from sklearn.metrics import roc_auc_score

    import signalcam as sc
    from signalcam.training import detrended, find_recipe

    watch.stop("imports")
    records = sc.load_ptbxl(folder, cache=False, progress=False)
    signals = records.signals
    watch.stop("reading")
    recipe = find_recipe("paper", epochs=epochs)
    trained = sc.train_recipe(recipe, signals, records.targets, records.splits, verbose=False)
    watch.stop("preprocessing, training")
    x = trained.scaler.transform(detrended(signals, records.indices("test")))
    p = trained.network.predict(x, verbose=0)[:, 0]
    auc = roc_auc_score(records.labels.to_numpy()[records.indices("test")], p)
    watch.stop("test")
    return watch.result(auc)


def usual(folder, epochs):
    watch = Stopwatch()
    import ecgmentations
    import numpy as np
    import torch
    import wfdb
    from sklearn.metrics import roc_auc_score
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(1)
    watch.stop("imports")
    table, labels = labelled(folder)
    raw = [wfdb.rdsamp(str(Path(folder) / name))[0] for name in table["filename_lr"]]
    watch.stop("reading")
    times, signals = np.linspace(-1, 1, 1000), np.empty((len(raw), 1000, 12), np.float32)
    for i, record in enumerate(raw):
        for lead in range(12):
            x = record[:, lead] - np.polyval(np.polyfit(times, record[:, lead], 10), times)
            x = x - np.median(x)
            signals[i, :, lead] = x / np.abs(x).max() if x.any() else 0

    sines = {"ecg_frequency": 100.0, "amplitude_limit": 0.2}
    augment = ecgmentations.Sequential(
        [
            ecgmentations.TimeShift(0.03, p=0.5),
            ecgmentations.AmplitudeScale((-0.2, 0.2), p=0.5),
            ecgmentations.GaussNoise(variance=0.001, p=0.5),
            ecgmentations.OneOf(
                [ecgmentations.SinePulse(**sines), ecgmentations.RespirationNoise(**sines)], p=0.5
            ),
        ]
    )

    class Records(Dataset):
        def __init__(self, folds, augmented):
            chosen = table["strat_fold"].isin(folds).to_numpy()
            self.x, self.y, self.augmented = signals[chosen], labels[chosen], augmented

        def __len__(self):
            return len(self.x)

        def __getitem__(self, i):
            x = augment(ecg=self.x[i])["ecg"] if self.augmented else self.x[i]
            return torch.from_numpy(np.ascontiguousarray(x.T, np.float32)), torch.tensor(self.y[i])

    parts = []
    for n_in, n_out, size in ((12, 16, 11), (16, 16, 7), (16, 32, 7), (32, 64, 7)):
        parts += [nn.Conv1d(n_in, n_out, size, padding=size // 2), nn.BatchNorm1d(n_out), nn.LeakyReLU(0.1)]
        parts += (
            [nn.MaxPool1d(2)] if n_out < 64 else [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 1)]
        )
    torch.manual_seed(0)
    network = nn.Sequential(*parts)
    optimizer = torch.optim.Adam(network.parameters(), 5e-4)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=5)
    loss_of, best = nn.BCEWithLogitsLoss(), (0.0, None)

    def answers(folds):
        network.eval()
        with torch.no_grad():
            pairs = [(network(x)[:, 0], y) for x, y in DataLoader(Records(folds, False), BATCH)]
        return [torch.cat(part) for part in zip(*pairs, strict=True)]

    for _ in range(epochs):
        network.train()
        for x, y in DataLoader(Records(range(1, 9), True), BATCH, shuffle=True):
            optimizer.zero_grad()
            loss_of(network(x)[:, 0], y).backward()
            optimizer.step()
        logit, y = answers([9])
        schedule.step(loss_of(logit, y))
        accuracy = ((logit > 0) == (y > 0.5)).float().mean().item()
        if accuracy > best[0]:
            best = accuracy, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(best[1])
    watch.stop("preprocessing, training")
    logit, y = answers([10])
    auc = roc_auc_score(y.numpy(), logit.numpy())
    watch.stop("test")
    return watch.result(auc)


def labelled(folder):
    """PTB-XL's table and the paper's labels, 0 for NORM alone: (record,) float32."""
    import ast

    import numpy as np
    import pandas as pd

    table = pd.read_csv(Path(folder) / "ptbxl_database.csv")
    statements = pd.read_csv(Path(folder) / "scp_statements.csv", index_col=0)["diagnostic_class"].dropna()
    found = [
        {statements.get(code) for code in ast.literal_eval(text)} - {None} for text in table["scp_codes"]
    ]
    return table, np.array([classes != {"NORM"} for classes in found], np.float32)


WAYS = {"usual": usual, "ours": ours}


if __name__ == "__main__":
    main()

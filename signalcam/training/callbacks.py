"""What happens between the epochs of a training: seeds, the best epoch, the state to resume from."""

import json
import math
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from signalcam.whole_file import whole_file, write_whole

STATE_FILE = "training_state.npz"
HUGE = 1e6  # a cross-entropy beyond this is no longer a training


class SeededEpochs(keras.callbacks.Callback):
    """Draw everything random in an epoch from (seed, epoch), so that no generator's state has to survive.

    Args:
        model: the model that is fitted.
        n_records: training records.
        seed: of the whole training.

    Attributes:
        indices: order of the records in the present epoch, int64 (record,).
    """

    def __init__(self, model: keras.Model, n_records: int, seed: int):
        super().__init__()
        self.fitted = model
        self.n_records = n_records
        self.seed = seed
        self.indices = np.arange(n_records)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.indices = np.random.default_rng((self.seed, epoch)).permutation(self.n_records)
        states = [v for v in self.fitted.variables if "seed_generator_state" in v.path]
        for place, state in enumerate(states):
            seeds = np.random.SeedSequence((self.seed, epoch, place))
            words = seeds.generate_state(int(np.prod(state.shape)))
            state.assign((words % 2**31).reshape(state.shape))


class StopOnBadLoss(keras.callbacks.Callback):
    """Stop as soon as the loss is no longer a useful number, before anything is saved."""

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss = float(logs["loss"])
        if not math.isfinite(loss) or loss > HUGE:
            found = f"Training stopped at step {batch + 1} of an epoch: the loss became {loss}"
            advice = "Lower the learning rate, or look at the scaling of the signals."
            raise ValueError(f"{found}. No weights of this epoch were kept. {advice}")


class BestEpoch(keras.callbacks.Callback):
    """Keep the weights of the epoch with the best monitored value (the smaller loss, the larger score).

    Args:
        network: whose weights are kept.
        monitor: name in the logs; None keeps those of the last epoch.
    """

    def __init__(self, network: keras.Model, monitor: str | None):
        super().__init__()
        self.network = network
        self.monitor = monitor
        self.value = None
        self.epoch = 0
        self.weights = network.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        value = None
        if self.monitor is not None:
            value = float(logs[self.monitor]) * (-1 if "loss" in self.monitor else 1)
            if self.value is not None and not value > self.value:
                return
        weights = self.network.get_weights()
        if not all(np.isfinite(w).all() for w in weights):
            found = f"after epoch {epoch + 1} there are weights that are not finite; they were not kept"
            raise ValueError(f"Training stopped: {found}. Lower the learning rate.")
        self.weights, self.epoch, self.value = weights, epoch + 1, value


class ResumableState(keras.callbacks.Callback):
    """Write the whole state of the training after each epoch, and take it up again.

    As Keras's BackupAndRestore, and beyond it the best epoch so far, the plateau counter and the history, all
    in one file that is written beside and then renamed, so that no moment of interruption leaves a mixture.

    Args:
        folder: where; None keeps the history alone.
        best, plateau: whose state counts; no plateau where a schedule decides the learning rate.
        fingerprint: facts by name that two trainings share only if they are the same.
    """

    def __init__(
        self,
        folder: str | Path | None,
        best: BestEpoch,
        plateau: keras.callbacks.ReduceLROnPlateau | None,
        fingerprint: dict[str, int],
    ):
        super().__init__()
        self.file = None if folder is None else Path(folder) / STATE_FILE
        self.best, self.plateau = best, plateau
        self.fingerprint = fingerprint
        self.records = []
        self.counters = None

    def restore(self, model: keras.Model) -> int:
        """Load what an interrupted training left; return the number of epochs that are done.

        Raises:
            ValueError: where the folder holds the state of another training, or a damaged one.
        """
        if self.file is None or not self.file.is_file():
            return 0
        try:
            with np.load(self.file, allow_pickle=False) as file:
                state = dict(file)
            about = json.loads(str(state["about"]))
            found = about["fingerprint"]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            found = f"but it is damaged ({error}). Delete it to start this training anew"
            raise ValueError(f"{self.file} must hold the state of a training, {found}.") from error
        different = [name for name, fact in self.fingerprint.items() if found.get(name) != fact]
        if different:
            found = f"{', '.join(different)} must be the same as then, got others"
            advice = f"Give another folder, or delete {self.file.name} there."
            raise ValueError(f"{self.file.parent} holds the state of another training: {found}. {advice}")
        for place, variable in enumerate(_variables(model)):
            variable.assign(state[f"variable_{place}"])
        self.best.weights = [state[f"best_{place}"] for place in range(len(self.best.weights))]
        self.best.value, self.best.epoch = about["best_value"], about["best_epoch"]
        self.records, self.counters = about["history"], about["plateau"]
        return len(self.records)

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Keras's own callback forgets its counters when a fit begins.
        if (plateau := self.plateau) and self.records:
            plateau.best, plateau.wait, plateau.cooldown_counter = self.counters

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {name: float(value) for name, value in logs.items() if name != "learning_rate"}
        self.records.append({"epoch": epoch + 1} | values | {"learning_rate": rate})
        if self.file is None:
            return
        best, plateau = self.best, self.plateau
        about = {
            "fingerprint": self.fingerprint,
            "history": self.records,
            "best_value": best.value,
            "best_epoch": best.epoch,
            "plateau": plateau and [float(plateau.best), plateau.wait, plateau.cooldown_counter],
        }
        variables = map(keras.ops.convert_to_numpy, _variables(self.model))
        arrays = {f"variable_{i}": variable for i, variable in enumerate(variables)}
        arrays |= {f"best_{i}": w for i, w in enumerate(best.weights)}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.file) as beside:
            np.savez(beside, about=np.array(json.dumps(about)), **arrays)

    def history(self) -> pd.DataFrame:
        """Return the history as a table, one row for each epoch."""
        columns = ["epoch", "loss", "accuracy", "auc", "val_loss", "val_accuracy", "val_auc", "learning_rate"]
        return pd.DataFrame(self.records, columns=columns)

    def finish(self, network: keras.Model) -> None:
        """Write the history as csv and the network, with its best weights, beside the state."""
        if self.file is not None:
            write_whole(self.file.parent / "history.csv", self.history().to_csv(index=False))
            with whole_file(self.file.parent / "network.keras") as beside:
                network.save(beside)


def _variables(model: keras.Model) -> list:
    return [*model.network.variables, *model.optimizer.variables]

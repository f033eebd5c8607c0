"""What happens between the epochs of a training: seeds, the best epoch, the state to resume from."""

import json
import math
import os
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

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
            words = np.random.SeedSequence((self.seed, epoch, place)).generate_state(
                int(np.prod(state.shape))
            )
            state.assign((words % 2**31).reshape(state.shape))


class StopOnBadLoss(keras.callbacks.Callback):
    """Stop as soon as the loss is no longer a useful number, before anything is saved."""

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss = float(logs["loss"])
        if not math.isfinite(loss) or loss > HUGE:
            raise ValueError(
                f"Training stopped at step {batch + 1} of an epoch: the loss became {loss}. No weights of "
                "this epoch were kept. Lower the learning rate, or look at the scaling of the signals."
            )


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
        if self.monitor is None:
            better = True
        else:
            value = float(logs[self.monitor]) * (-1 if "loss" in self.monitor else 1)
            better = self.value is None or value > self.value
        if not better:
            return
        weights = self.network.get_weights()
        if not all(np.isfinite(w).all() for w in weights):
            raise ValueError(
                f"Training stopped: after epoch {epoch + 1} there are weights that are not finite; they were "
                "not kept. Lower the learning rate."
            )
        self.weights, self.epoch = weights, epoch + 1
        if self.monitor is not None:
            self.value = value


class ResumableState(keras.callbacks.Callback):
    """Write the whole state of the training after each epoch, and take it up again.

    As Keras's BackupAndRestore, and beyond it the best epoch so far, the plateau counter and the history, all
    in one file that is written beside and then renamed, so that no moment of interruption leaves a mixture.

    Args:
        folder: where; None keeps the history alone.
        callbacks: those whose state counts.
        fingerprint: facts by name that two trainings share only if they are the same.
    """

    def __init__(
        self,
        folder: str | Path | None,
        callbacks: list[keras.callbacks.Callback],
        fingerprint: dict[str, int],
    ):
        super().__init__()
        self.file = None if folder is None else Path(folder) / STATE_FILE
        self.others = list(callbacks)
        self.fingerprint = fingerprint
        self.records = []
        self.plateau = None

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
            raise ValueError(
                f"{self.file} must hold the state of a training, but it is damaged ({error}). Delete it to "
                "start this training anew."
            ) from error
        different = [name for name, fact in self.fingerprint.items() if found.get(name) != fact]
        if different:
            raise ValueError(
                f"{self.file.parent} holds the state of another training: {', '.join(different)} must be the "
                f"same as then, got others. Give another folder, or delete {self.file.name} there."
            )
        variables, best = _variables(model), self._best()
        for place, variable in enumerate(variables):
            variable.assign(state[f"variable_{place}"])
        best.weights = [state[f"best_{place}"] for place in range(len(best.weights))]
        best.value, best.epoch = about["best_value"], about["best_epoch"]
        self.records = about["history"]
        self.plateau = about["plateau"]
        return len(self.records)

    def _best(self) -> BestEpoch:
        return next(callback for callback in self.others if isinstance(callback, BestEpoch))

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Keras's own callback forgets its counters when a fit begins.
        for callback in self.others:
            if isinstance(callback, keras.callbacks.ReduceLROnPlateau) and self.records:
                callback.best, callback.wait, callback.cooldown_counter = self.plateau

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {name: float(value) for name, value in logs.items() if name != "learning_rate"}
        self.records.append({"epoch": epoch + 1} | values | {"learning_rate": rate})
        if self.file is None:
            return
        best = self._best()
        plateau = [c for c in self.others if isinstance(c, keras.callbacks.ReduceLROnPlateau)]
        about = {
            "fingerprint": self.fingerprint,
            "history": self.records,
            "best_value": best.value,
            "best_epoch": best.epoch,
            "plateau": [[float(c.best), c.wait, c.cooldown_counter] for c in plateau][0] if plateau else None,
        }
        arrays = {
            f"variable_{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_variables(self.model))
        }
        arrays |= {f"best_{i}": w for i, w in enumerate(best.weights)}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_name(f".{STATE_FILE}.part.npz")
        np.savez(beside, about=np.array(json.dumps(about)), **arrays)
        os.replace(beside, self.file)

    def history(self) -> pd.DataFrame:
        """Return the history as a table, one row for each epoch."""
        columns = ["epoch", "loss", "accuracy", "auc", "val_loss", "val_accuracy", "val_auc", "learning_rate"]
        return pd.DataFrame(self.records, columns=columns)

    def finish(self, network: keras.Model) -> None:
        """Write the history as csv and the network, with its best weights, beside the state."""
        if self.file is not None:
            self.history().to_csv(self.file.parent / "history.csv", index=False)
            network.save(self.file.parent / "network.keras")


class Progress(keras.callbacks.Callback):
    """A bar over epochs with the latest numbers."""

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.bar = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.bar is None:
            self.bar = tqdm(total=self.epochs, initial=epoch, desc="training", unit="epoch")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.bar.set_postfix(
            {name: f"{logs[name]:.3f}" for name in ("loss", "val_loss", "val_auc")}, refresh=False
        )
        self.bar.update()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.bar is not None:
            self.bar.close()


def _variables(model: keras.Model) -> list:
    return [*model.network.variables, *model.optimizer.variables]

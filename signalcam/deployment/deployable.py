"""The deployable model: raw millivolts in; probability, evidence and heatmap out; one `.keras` file.

Detrending and scaling are layers in front of the network; a `Card` layer carries what users must know.
"""

import json
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from signalcam.errors import ModelFileError
from signalcam.leads import LEADS
from signalcam.model import add_cam
from signalcam.preprocessing import Scaler
from signalcam.preprocessing.layers import Detrend, scale_layer
from signalcam.recordings import check_signals


@dataclass(frozen=True)
class Settings:
    """What travels with a model.

    Attributes:
        class_names, threshold: name and decision threshold (a probability) of each output, in their order.
        lead_names, sampling_rate, n_times: of the input: order of its leads, Hz, samples of a record.
        exclusive: True where the outputs are a softmax.
        label_rule, trained_on, recipe: rule that made the labels; data in words; name of the recipe.
        dataset: family of the data with the folds below, such as "PTB-XL"; "" where it has none.
        training_folds, validation_folds: `strat_fold` of the records trained on, and of those that the epoch,
            the calibration and the thresholds were chosen on.
        earlier_dataset, earlier_folds: data and folds that a model had seen which this one was trained from.
        predicted_names: for one output, what is predicted below and from the threshold on.
    """

    class_names: tuple[str, ...] = ("ABNORMAL",)
    threshold: tuple[float, ...] = (0.5,)
    label_rule: str = "paper"
    lead_names: tuple[str, ...] = LEADS
    sampling_rate: int = 100
    n_times: int = 1000
    exclusive: bool = False
    trained_on: str = ""
    recipe: str = ""
    dataset: str = ""
    training_folds: tuple[int, ...] = ()
    validation_folds: tuple[int, ...] = ()
    earlier_dataset: str = ""
    earlier_folds: tuple[int, ...] = ()
    predicted_names: tuple[str, str] = ("NORMAL", "ABNORMAL")

    def __post_init__(self) -> None:
        for field in fields(self):  # JSON holds lists
            if isinstance(field.default, tuple):
                object.__setattr__(self, field.name, tuple(getattr(self, field.name)))
        names, n_thresholds = ", ".join(self.class_names), len(self.threshold)
        if len(self.class_names) != n_thresholds:
            raise ValueError(f"threshold must hold a number for each of {names}, got {n_thresholds} numbers.")
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError(f"class_names must differ, got {names}.")


@keras.saving.register_keras_serializable(package="signalcam")
class Card(layers.Layer):
    """Carry the settings in the saved file; hand the signals on unchanged.

    Args:
        settings: `Settings`, or a dict of them as a file holds it; what is unknown there is ignored.
    """

    def __init__(self, settings: Settings | dict, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(settings, Settings):
            known = {field.name for field in fields(Settings)}
            settings = Settings(**{name: value for name, value in settings.items() if name in known})
        self.settings = settings

    def call(self, signals: tf.Tensor) -> tf.Tensor:
        return signals

    def get_config(self) -> dict:
        return super().get_config() | {"settings": json.loads(json.dumps(asdict(self.settings)))}


def build_deployable(model: keras.Model, scaler: Scaler, settings: Settings) -> keras.Model:
    """Put the preprocessing in front of a trained network and the CAM behind it.

    Args:
        model: network from scaled signals to probabilities, as `signalcam.model.build_model` gives it.
        scaler: fitted `Scaler` that the network was trained with.
        settings: what travels with the model.

    Returns:
        `keras.Model` from raw signals in mV, float32 (record, time, lead), to the dict of `add_cam`. It
        shares the network's layers.

    Raises:
        ValueError: where the settings do not fit the network.
    """
    shape, given = model.inputs[0].shape[1:], (settings.n_times, len(settings.lead_names))
    if len(settings.class_names) != (n_outputs := model.outputs[0].shape[-1]):
        names = ", ".join(settings.class_names)
        raise ValueError(f"class_names must name the {n_outputs} outputs of the network, got {names}.")
    if given != shape:
        fits, got = (f"{n_times} samples of {n_leads} leads" for n_times, n_leads in (shape, given))
        raise ValueError(f"settings must fit the network, {fits}, got {got}.")
    raw = keras.Input(shape, name="signals")
    x = scale_layer(scaler)(Detrend(name="detrend")(Card(settings, name="card")(raw)))
    network = add_cam(model)
    network.name = "network"
    return keras.Model(raw, network(x), name="signalcam")


def settings_of(model: keras.Model) -> Settings:
    """Return the `Settings` that a deployable model carries, or raise ValueError where it carries none."""
    for layer in model.layers:
        if isinstance(layer, Card):
            return layer.settings
    raise ValueError(f"Model {model.name!r} carries no settings; make it with `build_deployable`.")


def network_of(model: keras.Model) -> keras.Model:
    """Return the network in a deployable model: scaled signals in, the dict of `add_cam` out."""
    return model.get_layer("network")


def scaled(model: keras.Model, signals: np.ndarray) -> np.ndarray:
    """Detrend and scale signals in mV to what the network inside reads: float32 (record, time, lead)."""
    front = keras.Model(model.inputs, model.get_layer("scale").output)
    return np.asarray(front.predict(np.asarray(signals, np.float32), batch_size=128, verbose=0))


def class_index(settings: Settings, which: str | int) -> int:
    """Return the index of a class given by name or index, or raise ValueError that lists the classes."""
    names = settings.class_names
    if isinstance(which, str) and which in names:
        return names.index(which)
    if isinstance(which, int | np.integer) and not isinstance(which, bool) and 0 <= which < len(names):
        return int(which)
    listed = ", ".join(f"{index}: {name}" for index, name in enumerate(names))
    raise ValueError(f"There is no class {which!r} in this model; the classes are {listed}.")


def save_model(model: keras.Model, path: str | Path) -> None:
    """Write a deployable model to a `.keras` file: beside it first, then renamed.

    Raises:
        ValueError: for another suffix, weights that are not finite, or a model without settings.
    """
    path = _keras_path(path)
    settings_of(model)
    for weight in model.weights:
        if not np.isfinite(weight).all():
            raise ValueError(f"Weight {weight.path} is not finite; {path.name} was not written.")
    beside = path.with_name(f".{path.stem}.part.keras")
    model.save(beside)
    beside.replace(path)


def load_model(path: str | Path) -> keras.Model:
    """Read a deployable model, as `build_deployable` made it, from a `.keras` file in Keras's safe mode.

    Raises:
        FileNotFoundError: where there is no such file.
        ModelFileError: for a truncated file, junk, a model of another package, or one with a Lambda layer.
    """
    path = _keras_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file at {path.resolve()}.")
    try:
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json").decode()
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, EOFError, OSError) as error:
        what = f"{path} is not a whole .keras file ({path.stat().st_size} bytes): {error}."
        raise ModelFileError(f"{what} Copy or train it again.") from error
    if '"Lambda"' in config:
        raise ModelFileError(f"{path} holds a Lambda layer, which could run any code; it was not loaded.")
    if '"signalcam>Card"' not in config:
        raise ModelFileError(f"{path} is a Keras model of another package: it carries no signalcam settings.")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, AttributeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} could not be read as a model: {error}") from error


def _keras_path(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if path.suffix != ".keras":
        raise ValueError(f"path must end in .keras, got {path.name!r}.")
    return path


def predict(model: keras.Model, signals: np.ndarray, padded: np.ndarray | None = None) -> dict:
    """Predict raw recordings, after `check_signals`.

    Args:
        model: deployable model.
        signals: in mV, (record, time, lead), or one record (time, lead).
        padded: boolean (record, time), True where a record was padded; both maps are NaN there.

    Returns:
        dict of float32 arrays: ``probability``, ``logit`` (record, class), ``evidence`` (record, position,
        class), ``heatmap`` (record, time, class).

    Raises, Warns: as in `check_signals`.
    """
    settings = settings_of(model)
    signals = check_signals(signals, n_times=settings.n_times, n_leads=len(settings.lead_names))
    outputs = model.predict(signals, batch_size=128, verbose=0)
    outputs = {name: np.asarray(value, np.float32) for name, value in outputs.items()}
    if padded is None:
        return outputs
    # Blank the maps where a record was padded, and scale the heatmap over what is left.
    padded = np.asarray(padded, bool).reshape(len(signals), -1)
    n_positions = outputs["evidence"].shape[1]
    length = padded.shape[1] // n_positions
    blank = padded[:, : n_positions * length].reshape(len(padded), n_positions, length).all(axis=2)
    evidence = np.where(blank[..., None], np.nan, outputs["evidence"])
    heatmap = np.where(padded[..., None], np.nan, outputs["heatmap"])
    lowest = np.nanmin(heatmap, axis=1, keepdims=True)
    spread = np.nanmax(heatmap, axis=1, keepdims=True) - lowest
    heatmap = (heatmap - lowest) / np.where(spread > 0, spread, 1)
    return outputs | {"evidence": evidence, "heatmap": heatmap}

"""The deployable model: raw millivolts in; probability, evidence and heatmap out; one `.keras` file.

Detrending and scaling are layers in front of the network; a `Card` layer carries what users must know.
"""

import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from signalcam.deployment.runtime import CHECKSUM_NAME, FIXED_DATE
from signalcam.deployment.settings import Settings, as_settings, settings_of
from signalcam.errors import ModelFileError
from signalcam.model import add_cam
from signalcam.preprocessing import Scaler
from signalcam.preprocessing.layers import Detrend, Scale
from signalcam.whole_file import whole_file

_LARGEST = 1 << 28  # bytes that a model file may unpack to; the largest network here takes a hundredth


@keras.saving.register_keras_serializable(package="signalcam")
class Card(layers.Layer):
    """Carry the settings in the saved file; hand the signals on unchanged."""

    def __init__(self, settings: Settings | dict, **kwargs):
        super().__init__(**kwargs)
        self.settings = as_settings(settings)

    def call(self, signals: tf.Tensor) -> tf.Tensor:
        return signals

    def get_config(self) -> dict:
        return super().get_config() | {"settings": json.loads(json.dumps(asdict(self.settings)))}


def build_deployable(model: keras.Model, scaler: Scaler, settings: Settings) -> keras.Model:
    """Put the preprocessing in front of a trained network and the CAM behind it.

    Args:
        model: network from scaled signals to probabilities, as `signalcam.model.build_model` gives it.
        scaler, settings: fitted, that the network was trained with; what travels with the model.

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
    scale = Scale(**scaler.get_state(), name="scale")
    x = scale(Detrend(name="detrend")(Card(settings, name="card")(raw)))
    network = add_cam(model)
    network.name = "network"
    return keras.Model(raw, network(x), name="signalcam")


def network_of(model: keras.Model) -> keras.Model:
    """Return the network in a deployable model: scaled signals in, the dict of `add_cam` out."""
    return model.get_layer("network")


def with_embedding(model: keras.Model) -> keras.Model:
    """Return a deployable model, its layers shared, that gives the averaged feature maps, too.

    ``embedding``, float32 (record, filter), is what the linear classifier reads.
    """
    network = network_of(model)
    outputs = network.output | {"embedding": network.get_layer("average").output}
    network = keras.Model(network.inputs, outputs, name="network")
    return keras.Model(model.inputs, network(model.get_layer("scale").output), name=model.name)


def scaled(model: keras.Model, signals: np.ndarray) -> np.ndarray:
    """Detrend and scale signals in mV to what the network inside reads: float32 (record, time, lead)."""
    front = keras.Model(model.inputs, model.get_layer("scale").output)
    return np.asarray(front.predict(np.asarray(signals, np.float32), batch_size=128, verbose=0))


def save_model(model: keras.Model, path: str | Path) -> None:
    """Write a deployable model to a `.keras` file: beside it first, then renamed.

    Raises:
        ValueError: for another suffix, weights that are not finite, or a model without settings.
        OSError: it cannot be written.
    """
    path = path_with(path, ".keras")
    settings_of(model)
    _check_weights(model, f"{path.name} was not written")
    with whole_file(path) as beside:
        model.save(beside)
        with zipfile.ZipFile(beside, "a") as archive:
            archive.writestr(zipfile.ZipInfo(CHECKSUM_NAME, FIXED_DATE), json.dumps(checksum(model)))


def checksum(model: keras.Model) -> int:
    """CRC-32 of settings, scaling and weights, by which an exported file is known to be of this model."""
    facts = asdict(settings_of(model)), model.get_layer("scale").get_config()
    value = zlib.crc32(json.dumps(facts, sort_keys=True).encode())
    for weight in model.weights:
        value = zlib.crc32(weight.numpy(), value)
    return value


def load_model(path: str | Path) -> keras.Model:
    """Read a deployable model, as `build_deployable` made it, from a `.keras` file in Keras's safe mode.

    Raises:
        FileNotFoundError: where there is no such file.
        ModelFileError: for a truncated file, junk, a model of another package, one with a Lambda layer, one
            that unpacks to more than 256 MB, or weights that are not finite.
    """
    path = path_with(path, ".keras")
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file at {path.resolve()}.")
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(part.file_size for part in archive.infolist())) > _LARGEST:
                found = f"unpacks to {size:,} bytes; expected {_LARGEST:,} at most"
                raise ModelFileError(f"{path} {found}. It was not unpacked: get it again.")
            config = archive.read("config.json").decode()
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, EOFError, OSError) as error:
        what = f"{path} is not a whole .keras file ({path.stat().st_size} bytes): {error}."
        raise ModelFileError(f"{what} Copy or train it again.") from error
    if '"Lambda"' in config:
        raise ModelFileError(f"{path} holds a Lambda layer, which could run any code; it was not loaded.")
    if '"signalcam>Card"' not in config:
        raise ModelFileError(f"{path} is a Keras model of another package: it carries no signalcam settings.")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        _check_weights(model, "train it again")
        return model
    except (ValueError, TypeError, KeyError, OSError, AttributeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} could not be read as a model: {error}") from error


def _check_weights(model: keras.Model, outcome: str) -> None:
    for weight in model.weights:
        if not np.isfinite(weight).all():
            raise ValueError(f"Weight {weight.path} is not finite; {outcome}.")


def path_with(path: str | Path, suffix: str) -> Path:
    """Return a path that has the suffix, with `~` spelt out, or raise ValueError."""
    path = Path(path).expanduser()
    if path.suffix != suffix:
        raise ValueError(f"path must end in {suffix}, got {path.name!r}.")
    return path

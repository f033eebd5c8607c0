"""What else the electrodes pick up: baseline wander, muscle, mains, and the amplifier's own noise.

It arises at the nine electrodes, so that it obeys the identities of the limb leads. Sorts and spectra: L.
Sornmo, P. Laguna, "Bioelectrical Signal Processing in Cardiac and Neurological Applications", 2005, ch. 7.
"""

import numpy as np

# rows: I, II, V1 to V6; columns: right arm, left arm, left leg, six chest electrodes
_LEADS_OF_ELECTRODES = np.zeros((8, 9))
_LEADS_OF_ELECTRODES[0, [0, 1]] = -1.0, 1.0
_LEADS_OF_ELECTRODES[1, [0, 2]] = -1.0, 1.0
_LEADS_OF_ELECTRODES[2:, :3] = -1.0 / 3.0
_LEADS_OF_ELECTRODES[2:, 3:] = np.eye(6)


def draw_noise(
    rng: np.random.Generator, n_times: int, sampling_rate: float, level: float = 1.0, breathing: float = 0.25
) -> np.ndarray:
    """Draw the noise of one record in the independent leads: (time, 8) float64 mV.

    `level` is a factor of all of it, 1 at rest; `breathing` is in Hz, at which a part of the baseline moves.
    """
    time = np.arange(n_times) / sampling_rate
    electrodes = _baseline(rng, time, breathing) + _muscle(rng, n_times, sampling_rate)
    # What is left of mains at 50 Hz; sampled at 100 Hz it shows as an alternation that beats slowly.
    frequency = 50.0 + rng.normal(scale=0.03)
    size = rng.lognormal(mean=np.log(0.0003), sigma=0.9) * rng.uniform(0.3, 1.0, size=9)
    phase = rng.uniform(0, 2 * np.pi, size=9)
    electrodes += size * np.sin(2 * np.pi * frequency * time[:, None] + phase)
    return level * electrodes @ _LEADS_OF_ELECTRODES.T


def _baseline(rng: np.random.Generator, time: np.ndarray, breathing: float) -> np.ndarray:
    """Slow drift of each electrode, less and less above 0.08 Hz, and its movement with the breath."""
    n_times, duration = len(time), time[-1] + time[1]
    frequencies = np.fft.rfftfreq(n_times, duration / n_times)
    shape = np.where(frequencies > 0, 1.0 / (1.0 + (frequencies / 0.08) ** 2) ** 0.65, 0.0)
    shape *= np.exp(-((frequencies / 1.0) ** 2))
    spectrum = shape[:, None] * (rng.normal(size=(len(shape), 9)) + 1j * rng.normal(size=(len(shape), 9)))
    drift = np.fft.irfft(spectrum, n_times, axis=0)
    drift *= rng.lognormal(mean=np.log(0.025), sigma=0.8, size=9) / np.maximum(drift.std(axis=0), 1e-12)
    size = rng.lognormal(mean=np.log(0.014), sigma=0.8, size=9)
    phase = rng.uniform(0, 2 * np.pi) + rng.normal(scale=0.5, size=9)
    return drift + size * np.sin(2 * np.pi * breathing * time[:, None] + phase)


def _muscle(rng: np.random.Generator, n_times: int, sampling_rate: float) -> np.ndarray:
    """Muscle and amplifier noise: a broad band up to 45 Hz (what recorders leave of it), in bursts."""
    frequencies = np.fft.rfftfreq(n_times, 1.0 / sampling_rate)
    shape = (frequencies / (frequencies + 8.0)) / np.sqrt(1.0 + (frequencies / 40.0) ** 16)
    noise = np.fft.irfft(np.fft.rfft(rng.normal(size=(n_times, 9)), axis=0) * shape[:, None], n_times, axis=0)
    time = np.arange(n_times) / n_times
    size = rng.lognormal(mean=np.log(0.007), sigma=0.6, size=9)
    bursts = np.zeros(n_times)
    for _ in range(rng.poisson(0.5)):
        height, centre, width = rng.uniform(0.5, 2.5), rng.random(), rng.uniform(0.02, 0.12)
        bursts += height * np.exp(-0.5 * ((time - centre) / width) ** 2)
    growth = 1.0 + bursts[:, None] * rng.uniform(0, 1, size=9)
    return noise * np.sqrt(sampling_rate / 100.0) * size * growth

"""Single-pass explainable ECG classification.

A 1D convolutional network reads a 12-lead ECG and returns, in one forward pass, the probability that it is
abnormal and a class activation map: where in time the evidence lies. Method: R. Augustauskas et al.,
"Lightweight Data-driven ECG Classification Approach with Explainable CAM Output", EMBC 2025.

Research software, not a medical device.
"""

__version__ = "0.1.0"
__all__ = ["__version__", "load_pretrained"]


def __getattr__(name):
    # TensorFlow takes seconds to import, so it waits until a model is asked for.
    if name == "load_pretrained":
        from signalcam.deployment.pretrained import load_pretrained

        return load_pretrained
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

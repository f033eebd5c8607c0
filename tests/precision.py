"""Networks built in another precision than float32."""

import contextlib

import keras


@contextlib.contextmanager
def built_in(precision):
    """Let layers that are built inside compute in a precision such as "mixed_float16"."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)

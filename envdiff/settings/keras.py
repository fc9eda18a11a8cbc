"""Which Keras a program gets, and the defaults it builds layers with."""

from __future__ import annotations

from envdiff.settings.model import Facts, Setting, as_version, minor, quoted

# The release from which Keras 2 has TensorFlow alone.
ONE_BACKEND = (2, 4)


def generation(facts: Facts) -> Setting:
    """``2``, ``3`` or ``2 (legacy)``: what ``tf.keras`` means here. A served graph does not use Keras at all."""
    explains = ("env.TF_USE_LEGACY_KERAS", "keras.generation", "keras.legacy")
    version = facts.version()
    if version is None:
        unread = facts.why_unread("tensorflow.version") or "the TensorFlow version is not known"
        return Setting("keras_generation", None, "", explains, unread)
    if minor(version) < (2, 15):
        return Setting("keras_generation", "2", f"TensorFlow {version} comes with Keras 2", explains)
    text = facts.env("TF_USE_LEGACY_KERAS")
    # tf.keras looks for exactly these spellings.
    if text in ("1", "true", "True"):
        return Setting("keras_generation", "2 (legacy)", f"TF_USE_LEGACY_KERAS={text}: tf_keras", explains)
    ignored = "" if text is None else f"TF_USE_LEGACY_KERAS={text} does not count as on; "
    if minor(version) == (2, 15):  # it takes whichever Keras is installed; 2 is what it asks for
        installed = facts.text("keras.version") or "2"
        return Setting("keras_generation", installed[:1], f"{ignored}Keras {installed} is installed", explains)
    return Setting("keras_generation", "3", f"{ignored}TensorFlow {version} comes with Keras 3", explains)


def backend(facts: Facts) -> Setting:
    """The numerical library under Keras 3, and under Keras before 2.4 where it is a package of its own."""
    explains = ("env.KERAS_BACKEND", "keras.backend")
    used = generation(facts)
    if used.value is None:
        return Setting("keras_backend", None, "", explains, used.unread)
    version = as_version(facts.text("keras.version"))
    old = facts.text("keras.package") == "keras" and version is not None and minor(version) < ONE_BACKEND
    if used.value != "3" and not old:
        return Setting("keras_backend", "tensorflow", "this Keras 2 knows no other", explains)
    told = facts.env("KERAS_BACKEND") or facts.text("keras.backend") or "tensorflow"
    return Setting("keras_backend", told, quoted("KERAS_BACKEND", facts.env("KERAS_BACKEND")), explains)


def floatx(facts: Facts) -> Setting:
    """The dtype of layers that are not told otherwise."""
    return _configured(facts, "floatx", "float32")


def image_data_format(facts: Facts) -> Setting:
    """Whether channels come last or first in layers that are not told otherwise."""
    return _configured(facts, "image_data_format", "channels_last")


def epsilon(facts: Facts) -> Setting:
    """The fuzz factor of layers and losses that are not told otherwise."""
    return _configured(facts, "epsilon", "1e-07")


def _configured(facts: Facts, name: str, default: str) -> Setting:
    path = f"keras.{name}"
    value = facts.value(path)
    if value is None:
        return Setting(f"keras_{name}", default, "Keras's default: nothing changes it", (path,))
    return Setting(f"keras_{name}", str(value), "as Keras or its keras.json says", (path,))

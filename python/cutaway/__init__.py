"""Explain what a convolutional network sees, with Cutaway's engine.

    import cutaway
    net = cutaway.load("googlenet.h5")
    photo = cutaway.read("cat.jpg")            # height x width x 3, uint8
    label, probability = net.top(photo)[0]
    result = net.explain(photo, "gradcam", target=label)
    result.values                              # channels x height x width, float32
    result.figure()                            # the picture that `cutaway explain` writes

Everything is done by libcutaway_c (capi/cutaway.h); the numbers are those of `cutaway explain`. Python's lock is released
while it works, and a model may be used by several threads at once. Errors are `cutaway.Error`.
"""

from ._library import Error, Status, library_path
from ._model import Explanation, Model, decode, load, methods, read, version, write_png

__version__ = version()
__all__ = ["Error", "Explanation", "Model", "Status", "decode", "library_path", "load", "methods", "read", "version",
           "write_png"]

"""Networks, pictures and maps, as NumPy arrays."""

import ctypes
import json
import os

import numpy as np

from ._library import Error, Handle, Progress, Status, check, library, made


def version():
    """The library's version, "0.1.0"."""
    return library.cutaway_version().decode()


def methods():
    """All methods by name: their summary, source, whether they take a layer, and their options with types, ranges,
    defaults and help."""
    return {m.pop("name"): m for m in json.loads(library.cutaway_methods())}


def _pixels(handle):
    """The picture's pixels; the array keeps the picture."""
    shape = (library.cutaway_image_height(handle.pointer), library.cutaway_image_width(handle.pointer), 3)
    return _view(handle, library.cutaway_image_rgb(handle.pointer), np.uint8, shape)


def _view(handle, address, kind, shape):
    class Memory:  # __array_interface__ keeps its object alive
        pass

    memory = Memory()
    memory.handle = handle
    memory.__array_interface__ = {"version": 3, "shape": tuple(shape), "typestr": np.dtype(kind).str,
                                  "data": (address, True)}
    return np.asarray(memory)


def _image(picture):
    """The library's picture of an array, a path, or anything that NumPy makes an array of (PIL, ...)."""
    if isinstance(picture, (str, os.PathLike)):
        name = os.fsencode(picture)
        return made(lambda out: library.cutaway_image_read(name, out), library.cutaway_image_free)
    rgb = np.asarray(picture)
    if rgb.ndim == 2:
        rgb = np.repeat(rgb[:, :, None], 3, axis=2)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise Error(Status.USAGE, "a picture: expected height x width x 3 of uint8 (RGB), "
                                  f"got {' x '.join(map(str, rgb.shape))} of {rgb.dtype}")
    if rgb.strides[1:] != (3, 1) or rgb.strides[0] < 3 * rgb.shape[1]:
        rgb = np.ascontiguousarray(rgb)
    return made(lambda out: library.cutaway_image_from_rgb(rgb.ctypes.data, rgb.shape[1], rgb.shape[0], rgb.strides[0],
                                                           out), library.cutaway_image_free)


def read(path):
    """A JPEG, PNG, WebP, TIFF or BMP as height x width x 3 of uint8 (RGB), turned as its EXIF orientation says."""
    return _pixels(_image(os.fspath(path)))


def decode(data):
    """The same of a file's bytes."""
    data = bytes(data)
    return _pixels(made(lambda out: library.cutaway_image_decode(data, len(data), out), library.cutaway_image_free))


def write_png(path, picture):
    """Writes a picture, whole or not at all."""
    image = _image(picture)
    check(library.cutaway_image_write_png(image.pointer, os.fsencode(path)))


def _json(options):
    return json.dumps({k: v for k, v in options.items() if v is not None}).encode()


class Explanation:
    """What a method says of one picture and class.

    values: channels x height x width, float32; one channel but for methods that give back pixels.
    map: height x width, of methods with one channel.
    target, label: the class that is explained. layer: "input" for maps of pixels. warning: why the map means nothing, or "".
    """

    def __init__(self, model, image, handle, method):
        self._model, self._image, self._handle = model, image, handle
        at = handle.pointer
        shape = (library.cutaway_map_channels(at), library.cutaway_map_height(at), library.cutaway_map_width(at))
        self.method = method
        self.values = _view(handle, library.cutaway_map_values(at), np.float32, shape)
        self.target = library.cutaway_map_target(at)
        self.layer = library.cutaway_map_layer(at).decode()
        self.warning = library.cutaway_map_warning(at).decode()

    @property
    def map(self):
        if self.values.shape[0] != 1:
            raise Error(Status.USAGE, f"the map of {self.method} has {self.values.shape[0]} channels: use values")
        return self.values[0]

    @property
    def label(self):
        return self._model.label(self.target)

    def figure(self, colormap=None, heat_weight=None, clip=None):
        """The map in colours over what the network saw, with a colour bar: height x width x 3, uint8."""
        options = _json({"colormap": colormap, "heat_weight": heat_weight, "clip": clip})
        return _pixels(made(lambda out: library.cutaway_map_figure(
            self._model._handle.pointer, self._handle.pointer, self._image.pointer, options, out),
            library.cutaway_image_free))

    def save(self, path, **options):
        """Writes figure() as PNG."""
        write_png(path, self.figure(**options))

    def _repr_png_(self):
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figure.png")
            self.save(path)
            with open(path, "rb") as file:
                return file.read()

    def __repr__(self):
        shape = " x ".join(map(str, self.values.shape))
        return f"<cutaway.Explanation: {self.method} at {self.layer} of {self.label or self.target!r}, {shape}>"


class Model:
    """A network with its preprocessing and the names of its classes. Several threads may use it at once."""

    def __init__(self, handle, path):
        self._handle, self.path = handle, path

    @property
    def classes(self):
        """How many."""
        return library.cutaway_model_classes(self._handle.pointer)

    def label(self, k):
        """The name of class k; None for a class there is not."""
        name = library.cutaway_model_label(self._handle.pointer, k)
        return None if name is None else name.decode("utf-8", "replace")

    @property
    def labels(self):
        return [self.label(k) for k in range(self.classes)]

    def classify(self, picture):
        """The probability of every class: float64. `picture`: a path, or height x width x 3 of uint8 (RGB)."""
        image = _image(picture)
        p = np.empty(self.classes, dtype=np.float64)
        check(library.cutaway_classify(self._handle.pointer, image.pointer, p.ctypes.data, p.size))
        return p

    def top(self, picture, k=5):
        """The k most probable classes: (name, probability), most probable first."""
        p = self.classify(picture)
        return [(self.label(int(i)), float(p[i])) for i in np.argsort(-p, kind="stable")[:k]]

    def explain(self, picture, method="gradcam", target=None, layer=None, **options):
        """The map of a method for one class.

        target: a class number, a name, or "top1" (default), "top2", ... layer: of methods that take one; default: the
        network's last maps. options: the method's own, `masks=1000` (see methods()).
        """
        image = _image(picture)
        target = int(target) if isinstance(target, np.integer) else target
        words = _json({"target": target, "layer": layer, "options": options or None})
        handle = made(lambda out: library.cutaway_explain(self._handle.pointer, image.pointer, method.encode(), words, out),
                      library.cutaway_map_free)
        return Explanation(self, image, handle, method)

    def explain_files(self, inputs, methods, out, progress=None, **job):
        """`cutaway explain`: maps, pictures, report and manifest in the folder `out`; returns the path of the report.

        progress(task, done, total) is told how far the run is, and cancels it by returning something true or by an
        exception, which comes out of this call. job: targets, layers, recursive, batch, resume, overwrite, report,
        pictures, raw. Raises Error with Status.PARTIAL where some pictures failed; the rest is there.
        """
        raised = []

        def hear(_, task, done, total):
            try:
                return 1 if progress is not None and progress(task.decode(), done, total) else 0
            except BaseException as error:  # Ctrl-C, too: it stops the run and goes on from here
                raised.append(error)
                return 1

        names = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
        words = _json({"inputs": [os.fspath(name) for name in names],
                       "methods": [methods] if isinstance(methods, str) else list(methods),
                       "out": os.fspath(out), **job})
        callback, report = Progress(hear), ctypes.c_void_p()
        status = library.cutaway_explain_files(self._handle.pointer, words, callback, None, ctypes.byref(report))
        if raised:
            raise raised[0]
        path = ctypes.string_at(report.value).decode() if report.value else ""
        library.cutaway_text_free(report)
        check(status)
        return path

    def __repr__(self):
        return f"<cutaway.Model: {self.path}, {self.classes} classes>"


def load(path, device="auto", threads=0, seed=0, engine=None):
    """Loads a package (`cutaway convert` makes them). threads 0: all."""
    words = _json({"device": device, "threads": threads, "seed": seed, "engine": engine})
    name = os.fsencode(path)
    return Model(made(lambda out: library.cutaway_model_load(name, words, out), library.cutaway_model_free),
                 os.fspath(path))

"""libcutaway_c by ctypes: prototypes, and statuses as exceptions."""

import ctypes
import ctypes.util
import enum
import os
import pathlib

API_VERSION = 1


class Status(enum.IntEnum):
    """What a call of the library came to; the names are those of cutaway.h."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INPUT = 3
    SHAPE = 4
    UNSUPPORTED = 5
    DEVICE = 6
    MEMORY = 7
    CANCELLED = 8
    PARTIAL = 9


class Error(Exception):
    """A call that failed. `status` says of what kind, the text what was wrong and what to try."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = Status(status)


Progress = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_double, ctypes.c_double)


def library_path():
    """Where libcutaway_c.so is: CUTAWAY_LIBRARY, beside this package, or where the system finds libraries."""
    named = os.environ.get("CUTAWAY_LIBRARY")
    if named:
        return named
    for name in ("libcutaway_c.so.1", "libcutaway_c.so"):
        beside = pathlib.Path(__file__).parent / name
        if beside.exists():
            return str(beside)
    return ctypes.util.find_library("cutaway_c") or "libcutaway_c.so.1"


def _load():
    path = library_path()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"{path}: {error}; set CUTAWAY_LIBRARY to where libcutaway_c.so is") from error
    if library.cutaway_api_version() != API_VERSION:
        raise ImportError(f"{path} has another interface: expected {API_VERSION}, got {library.cutaway_api_version()}")
    text, handle, size = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
    out = ctypes.POINTER(ctypes.c_void_p)
    # name: result, arguments
    prototypes = {
        "cutaway_version": (text, []),
        "cutaway_last_error": (text, []),
        "cutaway_methods": (text, []),
        "cutaway_model_load": (ctypes.c_int, [text, text, out]),
        "cutaway_model_free": (None, [handle]),
        "cutaway_model_classes": (ctypes.c_int64, [handle]),
        "cutaway_model_label": (text, [handle, ctypes.c_int64]),
        "cutaway_image_read": (ctypes.c_int, [text, out]),
        "cutaway_image_decode": (ctypes.c_int, [text, size, out]),
        "cutaway_image_from_rgb": (ctypes.c_int, [handle, ctypes.c_int, ctypes.c_int, size, out]),
        "cutaway_image_free": (None, [handle]),
        "cutaway_image_width": (ctypes.c_int, [handle]),
        "cutaway_image_height": (ctypes.c_int, [handle]),
        "cutaway_image_rgb": (handle, [handle]),
        "cutaway_image_write_png": (ctypes.c_int, [handle, text]),
        "cutaway_classify": (ctypes.c_int, [handle, handle, handle, size]),
        "cutaway_explain": (ctypes.c_int, [handle, handle, text, text, out]),
        "cutaway_map_free": (None, [handle]),
        "cutaway_map_channels": (ctypes.c_int64, [handle]),
        "cutaway_map_height": (ctypes.c_int64, [handle]),
        "cutaway_map_width": (ctypes.c_int64, [handle]),
        "cutaway_map_values": (handle, [handle]),
        "cutaway_map_target": (ctypes.c_int64, [handle]),
        "cutaway_map_layer": (text, [handle]),
        "cutaway_map_warning": (text, [handle]),
        "cutaway_map_figure": (ctypes.c_int, [handle, handle, handle, text, out]),
        "cutaway_explain_files": (ctypes.c_int, [handle, text, Progress, handle, ctypes.POINTER(handle)]),
        "cutaway_text_free": (None, [handle]),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


library = _load()


def check(status):
    """Raises what the status stands for."""
    if status != Status.OK:
        raise Error(status, library.cutaway_last_error().decode("utf-8", "replace"))


class Handle:
    """An object of the library, freed with this one."""

    def __init__(self, pointer, free):
        self.pointer, self._free = pointer, free

    def __del__(self):
        if getattr(self, "pointer", None):
            self._free(self.pointer)
            self.pointer = None


def made(call, free):
    """The object that `call(out)` makes."""
    out = ctypes.c_void_p()
    check(call(ctypes.byref(out)))
    return Handle(out.value, free)

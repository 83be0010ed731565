"""The Python package against the program's own files. Arguments: PROGRAM NET PICTURE."""

import gc
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np

import cutaway

PROGRAM, NET, PICTURE = sys.argv[1:4]
METHODS = ["gradcam", "saliency", "cam", "guided", "integrated_gradients", "lrp", "occlusion", "deconvnet", "rise"]


def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Package(unittest.TestCase):
    def setUp(self):
        self.net = cutaway.load(NET, threads=1)
        self.photo = cutaway.read(PICTURE)

    def test_numbers_and_pictures_are_the_programs(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, "explain", NET, PICTURE, "--method", ",".join(METHODS), "--threads", "1", "-q", "--out",
                            folder], check=True, stdout=subprocess.DEVNULL)
            for method in METHODS:
                raw, = pathlib.Path(folder).glob(f"*__{method}__*.npy")
                result = self.net.explain(self.photo, method)
                np.testing.assert_array_equal(result.values.reshape(-1), np.load(raw).reshape(-1))
                np.testing.assert_array_equal(result.figure(), cutaway.read(raw.with_suffix(".png")))
            by_files = pathlib.Path(folder, "files")
            report = self.net.explain_files(PICTURE, ["gradcam"], by_files)
            self.assertTrue(pathlib.Path(report).exists())
            own, = by_files.glob("*.npy")
            self.assertEqual(own.read_bytes(), next(pathlib.Path(folder).glob("*__gradcam__*.npy")).read_bytes())

    def test_classes(self):
        p = self.net.classify(self.photo)
        self.assertAlmostEqual(p.sum(), 1.0, places=9)
        name, most = self.net.top(self.photo)[0]
        self.assertEqual(self.net.labels[int(p.argmax())], name)
        self.assertEqual(most, p.max())
        result = self.net.explain(self.photo, target=name)
        self.assertEqual((result.target, result.label), (int(p.argmax()), name))
        self.assertEqual(self.net.explain(self.photo, target=np.int64(2)).target, 2)
        self.assertEqual(self.net.explain(self.photo, target="top2").target, int(np.argsort(-p, kind="stable")[1]))
        self.assertIsNone(self.net.label(-1))

    def test_arrays(self):
        views = [self.photo, self.photo[:, ::-1][:, ::-1], np.asfortranarray(self.photo)]
        wide = np.zeros((self.photo.shape[0], self.photo.shape[1] + 5, 3), np.uint8)
        wide[:, :-5] = self.photo
        views.append(wide[:, :-5])
        first = self.net.explain(views[0]).values
        for view in views[1:]:
            np.testing.assert_array_equal(self.net.explain(view).values, first)
        np.testing.assert_array_equal(self.net.explain(PICTURE).values, first)
        np.testing.assert_array_equal(cutaway.decode(pathlib.Path(PICTURE).read_bytes()), self.photo)
        values = self.net.explain(self.photo).values
        gc.collect()  # the array keeps what it is a view of
        np.testing.assert_array_equal(values, first)
        self.assertFalse(values.flags.writeable)
        for wrong in (self.photo.astype(np.float32), self.photo[:, :, :2], np.zeros(3, np.uint8)):
            with self.assertRaises(cutaway.Error):
                self.net.explain(wrong)

    def test_errors_say_what_was_wrong(self):
        cases = [(lambda: cutaway.load("/no/such.h5"), cutaway.Status.INPUT, "/no/such.h5"),
                 (lambda: cutaway.read("/no/such.png"), cutaway.Status.INPUT, "/no/such.png"),
                 (lambda: cutaway.decode(b"no picture"), cutaway.Status.INPUT, ""),
                 (lambda: self.net.explain(self.photo, "gradcamm"), cutaway.Status.USAGE, "gradcam"),
                 (lambda: self.net.explain(self.photo, "rise", mask=3), cutaway.Status.USAGE, "mask"),
                 (lambda: self.net.explain(self.photo, target=10**6), cutaway.Status.USAGE, ""),
                 (lambda: self.net.explain(self.photo, layer="nothing"), cutaway.Status.USAGE, "nothing"),
                 (lambda: cutaway.load(NET, device="abacus"), cutaway.Status.USAGE, "abacus")]
        for call, status, text in cases:
            with self.assertRaises(cutaway.Error) as caught:
                call()
            self.assertEqual(caught.exception.status, status)
            self.assertIn(text, str(caught.exception))

    def test_progress_cancels(self):
        class Enough(Exception):
            pass

        def fail(task, done, total):
            raise Enough

        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(cutaway.Error) as caught:
                self.net.explain_files([PICTURE], "rise", folder + "/a", progress=lambda *_: True)
            self.assertEqual(caught.exception.status, cutaway.Status.CANCELLED)
            with self.assertRaises(Enough):
                self.net.explain_files([PICTURE], "rise", folder + "/b", progress=fail)
            heard = []
            self.net.explain_files([PICTURE], "gradcam", folder + "/c",
                                   progress=lambda task, done, total: heard.append((task, done, total)))
            self.assertIn(("explain", 1.0, 1.0), heard)

    def test_eight_threads(self):
        expected = self.net.explain(self.photo, "saliency").values
        wrong = []

        def often():
            for _ in range(10):
                if not np.array_equal(self.net.explain(self.photo, "saliency").values, expected):
                    wrong.append(1)

        threads = [threading.Thread(target=often) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_thousand_calls_leak_nothing(self):
        def call(k):
            self.net.explain(self.photo, "gradcam", target=k % self.net.classes).figure()
            with self.assertRaises(cutaway.Error):
                self.net.explain(self.photo, "nobody")

        for k in range(100):
            call(k)
        gc.collect()
        before = resident_kib()
        for k in range(1000):
            call(k)
        gc.collect()
        self.assertLess(resident_kib() - before, 4096)

    def test_notebooks_and_methods(self):
        result = self.net.explain(self.photo)
        self.assertTrue(result._repr_png_().startswith(b"\x89PNG"))
        self.assertIn("gradcam", repr(result))
        self.assertEqual(result.map.shape, result.values.shape[1:])
        self.assertIn("classes", repr(self.net))
        options = {o["name"] for o in cutaway.methods()["rise"]["options"]}
        self.assertIn("masks", options)
        json.dumps(cutaway.methods())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=1)

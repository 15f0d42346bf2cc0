"""The runner on frames in folders, read from a generated native tree."""

from __future__ import annotations

import numpy as np
import pytest

from merkit.datasets import read_dataset
from merkit.errors import LeakageError
from merkit.evaluation import evaluate
from merkit.simulate.native import write_tree


class Brightness:
    """Looks at two frames of a clip."""

    name = "brightness"
    requires = ("frames",)

    def fit(self, clips, labels, groups, *, context=None):
        self.classes_ = np.unique(labels)
        seen = self.look(clips)
        self.means_ = np.stack([seen[labels == name].mean(axis=0) for name in self.classes_])
        return self

    def look(self, clips):
        return np.array([[clip.source.read(k, k + 1).mean() for k in (0, 1)] for clip in clips])

    def predict_proba(self, clips):
        powers = np.exp(-((self.look(clips)[:, None] - self.means_) ** 2).sum(axis=2) / 100)
        return powers / powers.sum(axis=1, keepdims=True)


class FolderName(Brightness):
    """Reads the class off the folder: in SMIC it is called after it."""

    def look(self, clips):
        return np.array([[float("positive" in str(clip.source.files[0]))] for clip in clips])


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = write_tree("smic-hs", tmp_path_factory.mktemp("smic"), clips=18, size=8)
    return {"smic-hs": read_dataset("smic-hs", root)}


def test_frames_reach_a_method_in_other_processes_as_in_this_one(tables):
    serial, processes = (
        evaluate(Brightness, tables, "smic-hs-3class", engine=engine, workers=2)
        for engine in ("serial", "processes")
    )
    assert len(serial.predictions) == 18
    assert serial.predictions.equals(processes.predictions)


def test_the_name_of_a_folder_is_not_to_be_read(tables):
    with pytest.raises(LeakageError, match=r"asked a test clip for source\.files"):
        evaluate(FolderName, tables, "smic-hs-3class", engine="serial")

"""Feature releases of MEGC2019: every form in which the maps circulate gives the same clips."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.datasets.release_labels import parse_sample_id, read_label_table, sample_id
from merkit.errors import AnnotationError, DataError
from merkit.inputs.flow_map import flow_features

IDS = ("sub01_EP02_01f", "s01_s01_ne_01", "006_006_1_2", "sub03_EP01_2")
LABELS = (1, 0, 0, 2)
ORGANISERS = (
    "casme2,sub01,EP02_01f,1\r\nsmic,s01,s01_ne_01,0\r\nsamm,6,006_1_2,0\r\ncasme2,sub03,EP01_2,2\r\n"
)


def maps(n: int = 4, phases: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, phases, 28, 28, 3), dtype=np.uint8)


def save_pngs(folder: Path, flow: np.ndarray, ids: tuple[str, ...] = IDS) -> None:
    """As in circulation: a blank before the dot, further maps of a clip numbered behind its name."""
    folder.mkdir(parents=True)
    for name, of_clip in zip(ids, flow, strict=True):
        for phase, pixels in enumerate(of_clip):
            suffix = f"_{phase}" if phase else ""
            Image.fromarray(pixels).save(folder / f"{name}{suffix} .png")


def save_npz(path: Path, flow: np.ndarray, **more: object) -> None:
    np.savez(path, flow=flow, sample_id=np.array(IDS), **more)  # type: ignore[arg-type]


def stacked(table: ClipTable, feature: str = "flow_map") -> np.ndarray:
    return np.stack([clip.features[feature] for clip in table])


class TestForms:
    def test_npz_and_pngs_give_the_same_clips(self, tmp_path: Path) -> None:
        flow = maps()
        save_npz(tmp_path / "flow.npz", flow[:, 0], label=np.array(LABELS))
        save_pngs(tmp_path / "pngs", flow)
        (tmp_path / "pngs" / "combined_3class_gt.csv").write_text(ORGANISERS)
        from_npz = read_dataset("megc2019-flow", tmp_path / "flow.npz")
        from_pngs = read_dataset("megc2019-flow", tmp_path / "pngs")
        assert from_npz.frame.equals(from_pngs.frame)
        assert np.array_equal(stacked(from_npz), flow[:, 0])
        assert np.array_equal(stacked(from_pngs), flow[:, 0])

    def test_channels_are_u_v_strain_in_rgb_order(self, tmp_path: Path) -> None:
        flow = np.zeros((4, 1, 28, 28, 3), np.uint8)
        flow[..., 0], flow[..., 1], flow[..., 2] = 10, 20, 30
        save_pngs(tmp_path / "pngs", flow)
        (tmp_path / "pngs" / "samples.csv").write_text(f"dataset,subject,clip,label\n{ORGANISERS}")
        assert stacked(read_dataset("megc2019-flow", tmp_path / "pngs"))[0, 0, 0].tolist() == [10, 20, 30]

    def test_repository_with_nested_folder_and_label_table_two_folders_above(self, tmp_path: Path) -> None:
        save_pngs(tmp_path / "datasets" / "STSNet_whole_norm_u_v_os", maps())
        lines = ["dataset,sub,filename_o,label,apex,imagename,sub_filename"]
        lines += [f"{row},,x.jpg," for row in ORGANISERS.replace("samm,6,", "samm,006,").split()]
        (tmp_path / "combined_3_class2_for_optical_flow.csv").write_text("\n".join(lines))
        assert read_dataset("megc2019-flow", tmp_path).frame["id"].tolist() == list(IDS)
        inner = read_dataset("megc2019-flow", tmp_path / "datasets" / "STSNet_whole_norm_u_v_os")
        assert inner.frame["id"].tolist() == list(IDS)

    def test_folders_by_held_out_subject_label_by_folder(self, tmp_path: Path) -> None:
        flow = maps()[:, 0]
        for name, label, pixels in zip(IDS, LABELS, flow, strict=True):
            subject = name.split("_")[0]
            for part in (f"{subject}/u_test", "other/u_train"):
                folder = tmp_path / "three_norm_u_v_os" / part / str(label)
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / f"{name} .png")
        table = read_dataset("megc2019-flow", tmp_path)
        labels = dict(zip(table.frame["id"], table.labels(), strict=True))
        expected = ("positive", "negative", "negative", "surprise")
        assert labels == dict(zip(IDS, expected, strict=True))

    def test_phases_as_npz_and_as_pngs(self, tmp_path: Path) -> None:
        flow = maps(phases=4)
        save_npz(tmp_path / "flow.npz", flow, label=np.array(LABELS))
        save_pngs(tmp_path / "pngs", flow)
        (tmp_path / "pngs" / "combined_3class_gt.csv").write_text(ORGANISERS)
        for place in (tmp_path / "flow.npz", tmp_path / "pngs"):
            table = read_dataset("megc2019-flow-phases", place)
            assert np.array_equal(stacked(table, "flow_phases"), flow)
            assert np.array_equal(stacked(table), flow[:, 0])

    def test_saving_keeps_features_and_absence_of_frames(self, tmp_path: Path) -> None:
        save_npz(tmp_path / "flow.npz", maps()[:, 0], label=np.array(LABELS))
        table = read_dataset("megc2019-flow", tmp_path)
        table.save(tmp_path / "saved")
        again = ClipTable.load(tmp_path / "saved")
        assert np.array_equal(stacked(again), stacked(table))
        with pytest.raises(DataError):
            _ = again[0].frames


class TestLabels:
    def test_other_spellings_are_the_same_clip(self) -> None:
        assert sample_id("1", "001_2_3") == "001_001_2_3"
        assert parse_sample_id("s03_s3_po_11.jpg") == "s03_s03_po_11"
        assert parse_sample_id("sub1_EP02_01f .png") == "sub01_EP02_01f"

    def test_lines_of_commas_and_dos_line_ends(self, tmp_path: Path) -> None:
        table = tmp_path / "gt.csv"
        table.write_bytes(ORGANISERS.replace("\r\n", "\r\n,,,\r\n").encode())
        samples = read_label_table(table)
        assert [sample.id for sample in samples] == list(IDS)
        assert [sample.subject for sample in samples] == ["sub01", "s01", "006", "sub03"]

    def test_unknown_label_names_the_row(self, tmp_path: Path) -> None:
        table = tmp_path / "gt.csv"
        table.write_text(ORGANISERS.replace("6,006_1_2,0", "6,006_1_2,7"))
        with pytest.raises(AnnotationError, match=r"row 2: the label is '7'"):
            read_label_table(table)

    def test_clip_named_twice_is_refused(self, tmp_path: Path) -> None:
        table = tmp_path / "gt.csv"
        table.write_text(ORGANISERS + "smic,s1,s1_ne_01,0\n")
        with pytest.raises(DataError, match="s01_s01_ne_01 stands there twice"):
            read_label_table(table)


class TestFaults:
    def test_a_map_that_is_missing_is_a_row_that_is_not_found(self, tmp_path: Path) -> None:
        save_pngs(tmp_path / "pngs", maps())
        (tmp_path / "pngs" / "sub03_EP01_2 .png").unlink()
        (tmp_path / "pngs" / "combined_3class_gt.csv").write_text(ORGANISERS)
        frame = read_dataset("megc2019-flow", tmp_path / "pngs").frame
        assert frame["found"].tolist() == [True, True, True, False]
        assert frame["faults"][3] == "no flow map"

    def test_a_map_without_label_is_refused(self, tmp_path: Path) -> None:
        save_pngs(tmp_path / "pngs", maps())
        (tmp_path / "pngs" / "combined_3class_gt.csv").write_text(ORGANISERS.split("\r\n", 1)[1])
        with pytest.raises(DataError, match="no row for 1 of 4 maps, the first is sub01_EP02_01f"):
            read_dataset("megc2019-flow", tmp_path / "pngs")

    def test_labels_that_contradict_the_release_are_refused(self, tmp_path: Path) -> None:
        save_npz(tmp_path / "flow.npz", maps()[:, 0], label=np.array([1, 1, 0, 2]))
        (tmp_path / "samples.csv").write_text(ORGANISERS)
        with pytest.raises(DataError, match="negative for s01_s01_ne_01, the release itself says positive"):
            read_dataset("megc2019-flow", tmp_path)

    @pytest.mark.parametrize(("name", "phases"), [("megc2019-flow", 4), ("megc2019-flow-phases", 1)])
    @pytest.mark.parametrize("form", ["npz", "pngs"])
    def test_the_other_release_is_named(self, tmp_path: Path, name: str, phases: int, form: str) -> None:
        flow = maps(phases=phases)
        if form == "npz":
            save_npz(tmp_path / "flow.npz", flow if phases > 1 else flow[:, 0], label=np.array(LABELS))
        else:
            save_pngs(tmp_path / "pngs", flow)
        other = "megc2019-flow-phases" if name == "megc2019-flow" else "megc2019-flow"
        with pytest.raises(DataError, match=rf"{other}$"):
            read_dataset(name, tmp_path if form == "npz" else tmp_path / "pngs")

    def test_no_labels_anywhere(self, tmp_path: Path) -> None:
        save_npz(tmp_path / "flow.npz", maps()[:, 0])
        with pytest.raises(DataError, match="carry no labels; put the organisers' combined_3class_gt"):
            read_dataset("megc2019-flow", tmp_path)

    def test_pictures_of_another_size_are_named(self, tmp_path: Path) -> None:
        save_pngs(tmp_path / "pngs", maps())
        Image.new("RGB", (14, 28)).save(tmp_path / "pngs" / "sub03_EP01_2 .png")
        with pytest.raises(DataError, match=r"sub03_EP01_2 \.png: a picture of \(28, 14, 3\)"):
            read_dataset("megc2019-flow", tmp_path / "pngs")

    def test_an_empty_folder_says_what_is_expected(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no flow maps here; give the npz"):
            read_dataset("megc2019-flow", tmp_path)


COUNTS = {
    ("casme2", "negative"): 88,
    ("casme2", "positive"): 32,
    ("casme2", "surprise"): 25,
    ("smic-hs", "negative"): 70,
    ("smic-hs", "positive"): 51,
    ("smic-hs", "surprise"): 43,
    ("samm", "negative"): 92,
    ("samm", "positive"): 26,
    ("samm", "surprise"): 15,
}


class TestReal:
    @pytest.mark.parametrize(
        ("name", "folder"),
        [
            ("megc2019-flow", "megc2019_flow"),
            ("megc2019-flow-phases", "megc2019_flow_phases"),
            ("megc2019-features", "megc2019_hoof_lbptop"),
        ],
    )
    def test_counts_and_agreement_with_the_organisers(self, real_data: Path, name: str, folder: str) -> None:
        table = read_dataset(name, real_data / folder)
        frame = table.frame
        assert len(table) == 442
        assert frame["found"].all()
        assert len(set(table.groups())) == 68
        assert Counter(zip(frame["dataset"], frame["emotion"], strict=True)) == COUNTS
        assert frame["apex_reason"].str.len().all()
        with (real_data / "annotations" / "combined_3class_gt.csv").open(newline="") as file:
            organisers = {sample_id(row[1], row[2]): int(row[3]) for row in csv.reader(file) if row}
        number = {"negative": 0, "positive": 1, "surprise": 2}
        assert organisers == {i: number[e] for i, e in zip(frame["id"], frame["emotion"], strict=True)}

    def test_maps_are_those_of_the_npz_and_give_features(self, real_data: Path) -> None:
        folder = real_data / "megc2019_flow"
        table = read_dataset("megc2019-flow", folder)
        with np.load(folder / "flow.npz") as stored:
            assert np.array_equal(stacked(table), stored["flow"])
        features = flow_features(stacked(table[:5]))
        assert features.shape == (5, 200)
        assert np.isfinite(features).all()

    def test_sequences_of_twenty_clips(self, real_data: Path) -> None:
        table = read_dataset("megc2019-features", real_data / "megc2019_hoof_lbptop")
        with_sequence = [clip for clip in table if "temporal64x128" in clip.features]
        assert len(with_sequence) == 20
        assert {clip.subject for clip in with_sequence} == {"sub01", "s01", "006"}
        first = table[0].features
        assert first["hoof_tim64_8bins"].shape == (64, 8)
        assert first["lbptop_tim10_p4"].shape == (3, 59)
        assert first["hoof_tim10_4bins"].sum(axis=1) == pytest.approx(np.ones(9), abs=1e-4)

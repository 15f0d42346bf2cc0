"""Pre-training on a folder of pictures: who is in it, what is learnt from it, and what comes out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from filmed import portrait
from PIL import Image

from merkit.cli.main import main
from merkit.errors import ConfigError, DataError, LeakageError
from merkit.evaluation.guard import check_artifacts
from merkit.evaluation.people import people
from merkit.methods import create_network
from merkit.pretraining import expressions
from merkit.pretraining.expressions import Pretraining, pretrain_on_pictures
from merkit.pretraining.pictures import find_pictures, meanings, read_pictures
from merkit.pretraining.simulated import pretrain_on_simulated
from merkit.simulate import FaceState
from merkit.training.pretrained import load_matching, load_pretrained

SHAPE = {"size": 64, "widths": (4, 6, 8, 12), "hidden": 3}
TINY = {"overrides": SHAPE}
QUICK = Pretraining(epochs=3, batch=16)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    # Networks this small gain nothing from a second one.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(root: Path, folder: str, count: int, kind: int, first: int = 0, side: int = 64) -> None:
    """Noise, with stripes in a direction that tells the class; of kind 3 without."""
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:side, :side]
    stripes = (rows, columns, rows + columns, 0 * rows)[kind] // 4 % 2
    for number in range(first, first + count):
        noise = np.random.default_rng([kind, number]).integers(0, 90, (side, side))
        Image.fromarray((noise + 150 * stripes).astype(np.uint8)).save(place / f"{number:03}.png")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """Four classes in nested folders, 20 pictures each, one of which is no picture."""
    root = tmp_path_factory.mktemp("images")
    for kind, name in enumerate(("Happy", "sadness", "surprise", "Neutral")):
        draw(root, f"train/{name}", 16, kind)
        draw(root, f"test/{name}/someone", 4, kind, first=16)
    (root / "train" / "sadness" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    (root / "train" / "Happy" / "notes.txt").write_text("no picture")
    (root / "train" / "Happy" / "._000.png").write_bytes(b"of another system")
    return root


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "start"
    pretrain_on_pictures("akmnet", images, folder, **TINY, how=QUICK, seed=1)
    return folder


# Which pictures


def test_pictures_are_of_the_nearest_folder_with_a_meaning(images):
    found = find_pictures(images)
    assert {name: {folder: len(files) for folder, files in part.items()} for name, part in found.items()} == {
        "positive": {"happy": 20},
        "negative": {"sadness": 21},
        "surprise": {"surprise": 20},
        "others": {"neutral": 20},
    }


@pytest.mark.parametrize("name", ["fear", "Disgust", "ANGER", "contempt", "sad"])
def test_all_unpleasant_expressions_are_negative(name):
    assert meanings({})[name.casefold()] == "negative"


def test_numbers_mean_nothing_until_they_are_mapped(tmp_path):
    for number in range(3):
        draw(tmp_path, str(number), 2, number)
    with pytest.raises(DataError, match=r"folders 0, 1, 2 \(numbers .*--map 0=negative") as refused:
        find_pictures(tmp_path)
    assert "\n" not in str(refused.value)
    found = find_pictures(tmp_path, {"0": "others", "1": "positive", "2": "skip"})
    assert {name: list(part) for name, part in found.items()} == {"others": ["0"], "positive": ["1"]}
    with pytest.raises(DataError, match="no pictures in a folder '11'"):
        find_pictures(tmp_path, {"0": "others", "1": "positive", "2": "skip", "11": "skip"})


def test_folders_can_be_given_another_meaning_or_be_left_out(images):
    read = read_pictures(images, size=64, per_class=100, names={"Neutral": "skip", "surprise": "positive"})
    assert read.classes == ("positive", "negative")
    assert np.bincount(read.labels).tolist() == [40, 20]
    assert read.folders == {"happy": "positive", "surprise": "positive", "sadness": "negative"}


def test_a_misspelt_class_gets_the_nearest():
    with pytest.raises(ConfigError, match=r"'possitive' \(did you mean 'positive'\?\)"):
        meanings({"1": "possitive"})


def test_so_many_of_a_class_are_drawn_by_the_seed(images):
    one, same, other = (read_pictures(images, size=64, per_class=7, seed=seed) for seed in (3, 3, 4))
    assert np.bincount(one.labels).tolist() == [7, 7, 7, 7]
    assert len({face.tobytes() for face in one.faces}) == 28
    assert one.digest == same.digest != other.digest


def test_a_picture_that_cannot_be_read_is_replaced_and_named(images):
    read = read_pictures(images, size=64, per_class=20)
    assert read.unreadable == ("train/sadness/torn.jpg",)
    assert np.bincount(read.labels).tolist() == [20, 20, 20, 20]


def test_whole_pictures_are_stretched_to_the_size_of_the_network(tmp_path):
    for name in ("happy", "sad"):
        (tmp_path / name).mkdir()
        for number in range(2):
            wide = np.zeros((60, 120, 3), np.uint8)
            wide[:, 60:] = 200
            Image.fromarray(wide).save(tmp_path / name / f"{number}.png")
    face = read_pictures(tmp_path, size=64, per_class=2).faces[0]
    assert face.shape == (64, 64)
    assert face[:, :31].max() == 0
    assert face[:, 33:].min() == 200


def test_faces_are_found_where_they_are_and_pictures_without_one_are_named(tmp_path):
    shown = np.clip(portrait().render(FaceState()), 0, 255).astype(np.uint8)
    for name, away in (("happy", 0), ("sad", 40)):
        (tmp_path / name).mkdir()
        for number in range(2):
            picture = np.pad(shown, ((away, 0), (away, 0), (0, 0)), mode="edge")
            Image.fromarray(picture).save(tmp_path / name / f"{number}.png")
    Image.fromarray(np.full((80, 80), 90, np.uint8)).save(tmp_path / "sad" / "wall.png")
    read = read_pictures(tmp_path, size=128, per_class=9, face="detect")
    assert read.faceless == ("sad/wall.png",)
    # Wherever the face is in the picture, it is in the same place of the crop.
    apart = np.abs(read.faces[0].astype(int) - read.faces[-1])[16:-16, 16:-16]
    assert apart.mean() < 4 < np.abs(read.faces[0].astype(int) - read.faces[0][:, ::-1]).mean()


@pytest.mark.parametrize(
    ("folders", "words"),
    [({"happy": 3}, "has positive 3"), ({"happy": 3, "sad": 1}, "negative 1"), ({}, "holds no")],
)
def test_too_few_pictures_are_refused(tmp_path, folders, words):
    for kind, (name, count) in enumerate(folders.items()):
        draw(tmp_path, name, count, kind)
    with pytest.raises(DataError, match=words):
        read_pictures(tmp_path, size=64, per_class=5)


# What is learnt


def test_akmnet_takes_exactly_the_backbone(trained):
    start = load_pretrained(trained)
    network = create_network("akmnet", **SHAPE, num_classes=3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert set(load_matching(network, start.state)) == {n for n in before if n.startswith("backbone.")}
    for name, value in network.state_dict().items():
        assert torch.equal(value, start.state[name] if name.startswith("backbone.") else before[name]), name
    assert not torch.equal(network.backbone.conv1.weight, before["backbone.conv1.weight"])


def test_it_learns_to_tell_pictures_that_differ(images):
    found = pretrain_on_pictures("akmnet", images, **TINY, how=Pretraining(epochs=12, batch=8))
    assert found.card["accuracy"] == 1.0
    assert found.card["history"][-1]["loss"] < 0.5 < found.card["history"][0]["loss"]


@pytest.mark.parametrize("method", ["fal-convlstm", "sma-stn"])
def test_other_methods_learn_from_pictures_in_colour(images, method, tmp_path):
    shape = {"size": 32, "widths": (6, 8, 12, 16) if method == "fal-convlstm" else (6, 8, 12)}
    found = pretrain_on_pictures(
        method, images, tmp_path, config="small", overrides=shape, how=Pretraining(epochs=8, batch=8)
    )
    assert found.card["method"] == method
    assert found.card["accuracy"] > 0.7
    network = create_network(method, config="small", num_classes=5, **shape)
    assert len(load_matching(network, load_pretrained(tmp_path).state)) > 20


def test_pictures_that_are_held_out_teach_nothing(images, monkeypatch):
    real = expressions.read_pictures

    def spoilt(*given, **how):
        read = real(*given, **how)
        rows = expressions._held_out(read.labels, how["seed"])
        faces = read.faces.copy()
        faces[rows] = 255 - faces[rows]
        return replace(read, faces=faces)

    one = pretrain_on_pictures("akmnet", images, **TINY, how=QUICK, seed=1)
    monkeypatch.setattr(expressions, "read_pictures", spoilt)
    other = pretrain_on_pictures("akmnet", images, **TINY, how=QUICK, seed=1)
    assert one.card["sha256_of_faces"] != other.card["sha256_of_faces"]
    assert all(torch.equal(value, other.state[name]) for name, value in one.state.items())


def test_half_are_mirrored_and_half_are_cropped_each_by_itself():
    ramp = torch.linspace(0, 1, 64).expand(400, 1, 64, 64)
    seen = expressions.augmented(ramp, np.random.default_rng(0))
    rise = seen[:, 0, 32, -1] - seen[:, 0, 32, 0]
    mirrored, cropped = rise < 0, rise.abs() < 0.95
    for share in (mirrored, cropped, mirrored ^ cropped):
        assert 0.42 < float(share.float().mean()) < 0.58
    # An eighth larger, so that a crop shows eight ninths; where it begins is drawn.
    assert float(rise[cropped].abs().max()) == pytest.approx(63 / 71, abs=0.02)
    assert len(seen[cropped & ~mirrored][:, 0, 0, 0].unique()) > 5
    assert torch.equal(seen[~cropped & ~mirrored], ramp[~cropped & ~mirrored])
    assert torch.equal(seen, expressions.augmented(ramp, np.random.default_rng(0)))


def test_a_tenth_of_each_class_is_held_out(trained):
    counts = load_pretrained(trained).card["pictures"].values()
    assert [(count["trained"], count["held_out"]) for count in counts] == [(18, 2)] * 4


def test_a_seed_gives_the_same_bytes(images, trained, tmp_path):
    for seed in (1, 2):
        pretrain_on_pictures("akmnet", images, tmp_path / str(seed), **TINY, how=QUICK, seed=seed)
    for name in ("card.json", "model.safetensors"):
        assert (tmp_path / "1" / name).read_bytes() == (trained / name).read_bytes()
        assert (tmp_path / "2" / name).read_bytes() != (trained / name).read_bytes()


def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(images, trained, tmp_path, monkeypatch):
    whole = replace(QUICK, epochs=7)
    pretrain_on_pictures("akmnet", images, tmp_path / "once", **TINY, how=whole)
    epochs: list[int] = []

    def stop(done, total, stage):
        if stage == "pretrained":
            epochs.append(done)
            if done == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain_on_pictures("akmnet", images, tmp_path / "twice", **TINY, how=whole, on_progress=stop)
    assert not (tmp_path / "twice" / "card.json").exists()
    epochs.clear()
    pretrain_on_pictures("akmnet",
        images, tmp_path / "twice", **TINY, how=whole,
        on_progress=lambda done, total, stage: epochs.append(done) if stage == "pretrained" else None,
    )  # fmt: skip
    assert epochs == [6, 7]  # from the state after the fifth
    files = ["card.json", "model.safetensors"]
    assert sorted(path.name for path in (tmp_path / "twice").iterdir()) == files
    for name in files:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


def test_a_stopped_training_is_not_continued_by_another(images, tmp_path):
    def stop(done, total, stage):
        if (done, stage) == (6, "pretrained"):
            raise KeyboardInterrupt

    whole = replace(QUICK, epochs=7)
    with pytest.raises(KeyboardInterrupt):
        pretrain_on_pictures("akmnet", images, tmp_path / "start", **TINY, how=whole, on_progress=stop)
    other = replace(whole, augment=False)
    found = pretrain_on_pictures("akmnet", images, tmp_path / "start", **TINY, how=other)
    alone = pretrain_on_pictures("akmnet", images, **TINY, how=other)
    assert all(torch.equal(value, alone.state[name]) for name, value in found.state.items())


def test_what_is_finished_is_not_trained_again(images, trained, monkeypatch):
    monkeypatch.setattr(expressions, "train", None)
    again = pretrain_on_pictures("akmnet", images, trained, **TINY, how=QUICK, seed=1)
    assert again.card == load_pretrained(trained).card


def test_a_folder_of_another_training_is_refused(images, trained):
    with pytest.raises(DataError, match=r"another pretraining\.epochs, seed"):
        pretrain_on_pictures("akmnet", images, trained, **TINY, how=replace(QUICK, epochs=4), seed=2)


def test_a_changed_picture_is_another_training(images, trained, tmp_path):
    changed = tmp_path / "images"
    shutil.copytree(images, changed)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(changed / "train" / "Happy" / "003.png")
    with pytest.raises(DataError, match="another sha256_of_faces"):
        pretrain_on_pictures("akmnet", changed, trained, **TINY, how=QUICK, seed=1)


def test_the_guard_sees_whom_the_pictures_show(images):
    found = pretrain_on_pictures(
        "akmnet", images, **TINY, how=replace(QUICK, epochs=1), subjects=["casme2/sub01", "samm/006"]
    )
    check_artifacts({"pretrained": found}, people(["casme2/sub02"]))
    with pytest.raises(LeakageError, match="samm"):
        check_artifacts({"pretrained": found}, people(["samm-lv/6"]))
    with pytest.raises(ConfigError, match="expected dataset/subject"):
        pretrain_on_pictures("akmnet", images, **TINY, subjects=["sub01"])


def test_a_card_says_where_nobody_evaluated_is_shown(trained):
    about = json.loads((trained / "card.json").read_text("utf-8"))["about"]
    assert about["trained_subjects"] == []
    assert "show nobody of the datasets" in about["statement"]


# From the command line


def test_the_command_writes_weights_and_says_how_good_they_are(images, tmp_path, capsys):
    words = ["pretrain", "akmnet", str(images), "-o", str(tmp_path / "start"), "--config", "small"]
    assert main([*words, "--epochs", "1", "--per-class", "6", "--map", "neutral=skip,sadness=others"]) == 0
    said = capsys.readouterr()
    assert "pictures: positive 5, surprise 5, others 5\n" in said.out
    assert "others (0.333 for always the same class)" in said.out
    assert f"--set pretrained={tmp_path / 'start'}" in said.out
    card = load_pretrained(tmp_path / "start").card
    assert (card["config"]["size"], card["config"]["num_classes"]) == (64, 3)
    assert (card["pretraining"]["epochs"], card["pretraining"]["per_class"]) == (1, 6)


def test_the_command_names_who_is_shown_and_in_one_line_what_was_left_out(images, tmp_path, capsys):
    words = ["pretrain", "akmnet", str(images), "-o", str(tmp_path / "start"), "--config", "small", "--json"]
    assert main([*words, "--epochs", "1", "--subjects", "casme2/1,casme2/2", "--subjects", "samm/6"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["about"]["trained_subjects"] == ["casme2/1", "casme2/2", "samm/6"]
    assert said.err == "left out 1 not readable: train/sadness/torn.jpg\n"
    assert json.loads(said.out)["left_out"] == {"unreadable": 1, "without_a_face": 0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["strcn-g", "x"], "'strcn-g' learns nothing from single pictures; akmnet, fal-convlstm, sma-stn do"),
        (["akmnt", "x"], "(did you mean 'akmnet'?)"),
        (["akmnet", "nowhere"], "nowhere: is no folder"),
        (["akmnet", "x", "--map", "1=happy"], "folder '1' as 'happy'"),
        (["akmnet", "x", "--set", "num_classes=3"], "leave it out"),
        (["akmnet", "x", "--subjects", "casme2"], "expected dataset/subject"),
        (["akmnet", "x", "--face", "hole"], "did you mean 'whole'?"),
    ],
)
def test_wrong_words_are_refused_in_one_line(words, said, tmp_path, capsys):
    assert main(["pretrain", *words, "-o", str(tmp_path / "start")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "start").exists()


# On simulated clips


TINY_STN = {"size": 32, "widths": (4, 4, 8), "head": "keep", "epochs": 1}


def test_any_network_learns_from_simulated_clips_and_others_start_from_it(real_data, tmp_path):
    head = real_data / "face3d_ict" / "face3d_ict.npz"
    pretrain_on_simulated(
        "sma-stn", tmp_path / "start", people=2, clips=3, size=64, config="small", overrides=TINY_STN,
        workers=1, head=head,
    )  # fmt: skip
    found = load_pretrained(tmp_path / "start")
    assert found.trained_subjects == ("simulated/p01", "simulated/p02")
    network = create_network("sma-stn", config="small", size=32, widths=(4, 4, 8), num_classes=5)
    taken = load_matching(network, found.state)
    assert {name.split(".")[0] for name in taken} >= {"trunk", "places"}


def test_the_command_learns_from_simulated_clips(tmp_path, capsys, monkeypatch):
    asked = {}

    class Model:
        card: ClassVar = {
            "method": "sma-stn", "clips": {"negative": 3}, "notes": [], "score": "unknown",
            "datasets": {"simulated": {"clips": 3, "subjects": 2}},
        }  # fmt: skip

    monkeypatch.setattr(
        "merkit.pretraining.simulated.pretrain_on_simulated",
        lambda method, out, **how: asked.update(method=method, out=out, **how) or Model(),
    )
    start = tmp_path / "start"
    words = ["pretrain", "sma-stn", "--simulated", "4", "--clips", "6", "--level", "easy", "--size", "64"]
    assert main([*words, "--config", "small", "--set", "epochs=2", "-o", str(start), "--seed", "5"]) == 0
    said = capsys.readouterr().out
    assert "sma-stn trained on 3 clips of simulated (3 clips, 2 subjects)" in said
    assert f"start from it with --set pretrained={start}" in said
    wanted = {
        "method": "sma-stn",
        "out": start,
        "people": 4,
        "clips": 6,
        "level": "easy",
        "size": 64,
        "seed": 5,
    }
    assert {name: asked[name] for name in wanted} == wanted
    assert (asked["config"], asked["overrides"]) == ("small", {"epochs": 2})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--simulated", "4", "--epochs", "3"], "--epochs is for a folder of pictures; use --set epochs"),
        (["--simulated", "4", "--map", "a=skip"], "--map is for a folder of pictures"),
        (["x", "--clips", "3"], "--clips is for --simulated"),
        (["--simulated", "4", "--set", "width=0.5"], "width"),
        (["--simulated", "4", "--device", "cuda:7"], "PyTorch finds"),
    ],
)
def test_what_would_have_no_effect_or_fail_later_is_refused_at_once(words, said, tmp_path, capsys):
    assert main(["pretrain", "strcn-g", *words, "-o", str(tmp_path / "start")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "start").exists()


def test_pictures_and_simulated_clips_at_once_or_neither_are_refused(tmp_path, capsys):
    for words in (["akmnet"], ["akmnet", "x", "--simulated", "4"]):
        assert main(["pretrain", *words, "-o", str(tmp_path / "start")]) == 2
        assert "give IMAGES, or --simulated PEOPLE" in capsys.readouterr().err
    assert main(["pretrain", "akmnet", "--simulated", "99", "-o", str(tmp_path / "start")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1

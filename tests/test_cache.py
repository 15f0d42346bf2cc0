"""The clip cache: nothing stale or damaged comes back, and nothing is lost where it cannot be written."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from merkit.cache import ClipCache, Step
from merkit.cache import key as keys
from merkit.cache.folder import CacheFolder, in_words, size_of
from merkit.cache.key import key_of
from merkit.cache.record import DamagedRecord, pack, unpack
from merkit.clips import Clip
from merkit.errors import ConfigError, DataError
from merkit.video.sources import FolderFrames

CALLS: list[str] = []
LONG_AGO = 10 * 24 * 3600.0


@dataclass(frozen=True)
class Scale:
    by: float = 2.0


def brightness(clip: Clip, scale: Scale) -> Clip:
    CALLS.append(clip.id)
    means = clip.frames.mean(axis=(1, 2)).astype(np.float32) * scale.by
    return replace(clip, features={"means": means, "size": np.array(clip.frames.shape)}, repairs=("noted",))


def context_mean(clip: Clip, scale: Scale) -> Clip:
    return replace(clip, features={"mean": np.array(clip.source.read(0, len(clip.source)).mean())})


def unable(clip: Clip, scale: Scale) -> Clip:
    raise DataError(f"clip {clip.id!r}: cannot be measured")


STEP = Step("brightness", 1, Scale(), brightness, gives=("means", "size"), faces=False)


@pytest.fixture(autouse=True)
def forget():
    CALLS.clear()


def write_frames(folder: Path, count: int = 8, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"img{number}.png"), rng.integers(0, 255, (8, 10), np.uint8))
    return folder


def clip_of(folder: Path, **about) -> Clip:
    return Clip.from_folder(folder, **{"fps": 200, "onset": 3, "apex": 4, "offset": 6, **about})


@pytest.fixture
def frames(tmp_path) -> Path:
    return write_frames(tmp_path / "data" / "sub01" / "EP01_happiness")


@pytest.fixture
def cache(tmp_path) -> ClipCache:
    return ClipCache(tmp_path / "cache")


def clips_of(root: Path, count: int) -> list[Clip]:
    return [clip_of(write_frames(root / f"c{n}", seed=n)) for n in range(count)]


def aged(folder: CacheFolder, seconds: float = LONG_AGO) -> None:
    """Let all files have been used some time ago, in the order in which they were made."""
    for place, entry in enumerate(folder.entries()):
        os.utime(entry.path, (then := time.time() - seconds + place, then))


# --- what the key depends on -----------------------------------------------------------------------------


def test_a_label_a_name_and_a_place_are_not_in_the_key(frames, tmp_path):
    key = key_of(STEP, clip_of(frames))
    about = {"emotion": "fear", "aus": ("4",), "subject": "s9", "dataset": "x", "objective_class": "II"}
    assert key_of(STEP, clip_of(frames, id="other", repairs=("apex moved",), **about)) == key
    moved = frames.rename(tmp_path / "elsewhere")
    assert key_of(STEP, clip_of(moved)) == key
    (moved / "notes.txt").write_text("no frame")
    assert key_of(STEP, clip_of(moved)) == key


@pytest.mark.parametrize("number", [3, 4, 6])
def test_a_changed_frame_changes_the_key(number, frames):
    key = key_of(STEP, clip_of(frames))
    file = frames / f"img{number}.png"
    picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    picture[2, 3] ^= 1
    stat = file.stat()
    cv2.imwrite(str(file), picture)
    # Whatever the file system says of it.
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert key_of(STEP, clip_of(frames)) != key


def test_a_frame_that_the_step_does_not_see_does_not(frames):
    near = replace(STEP, context=2)
    before = key_of(STEP, clip_of(frames)), key_of(near, clip_of(frames))
    cv2.imwrite(str(frames / "img7.png"), np.zeros((8, 10), np.uint8))
    assert key_of(STEP, clip_of(frames)) == before[0]
    assert key_of(near, clip_of(frames)) != before[1]


def test_a_first_frame_in_colour_changes_the_key_as_it_changes_all_frames(frames):
    key = key_of(STEP, clip_of(frames))
    cv2.imwrite(
        str(frames / "img1.png"), np.dstack([np.full((8, 10), level, np.uint8) for level in (1, 2, 3)])
    )
    assert key_of(STEP, clip_of(frames)) != key


@pytest.mark.parametrize(
    "change", [{"fps": 100}, {"fps": None}, {"onset": 2}, {"apex": 5}, {"apex": None}, {"offset": 7}]
)
def test_the_annotation_in_time_is_in_the_key(change, frames):
    assert key_of(STEP, clip_of(frames, **change)) != key_of(STEP, clip_of(frames))


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"settings": Scale(2.5)}, {"name": "darkness"}, {"context": 1}, {"gives": ("means",)}],
)
def test_every_parameter_of_the_step_is_in_the_key(change, frames):
    assert key_of(replace(STEP, **change), clip_of(frames)) != key_of(STEP, clip_of(frames))


@pytest.mark.parametrize("what", ["_libraries", "_code_with"])
def test_code_and_libraries_are_in_the_key(what, frames, monkeypatch):
    before = key_of(STEP, clip_of(frames))
    monkeypatch.setattr(keys, what, lambda *given: "another version")
    assert key_of(STEP, clip_of(frames)) != before


def test_the_code_is_that_of_the_file_and_of_what_lies_beside_it(tmp_path):
    file = tmp_path / "method.py"
    file.write_text("a = 1")
    digest = keys._code_with.__wrapped__
    before = digest(str(file))
    assert before == digest(str(file)) != digest(__file__)
    file.write_text("a = 2")
    assert digest(str(file)) != before
    # In a package, those beside it count as well.
    beside = tmp_path / "masks.py"
    beside.write_text("b = 1")
    before = digest(str(file))
    (tmp_path / "__init__.py").touch()
    assert digest(str(file)) != before
    before = digest(str(file))
    beside.write_text("b = 2")
    assert digest(str(file)) != before


def test_face_models_are_in_the_key_of_a_step_that_looks_for_faces(frames, monkeypatch):
    looks = replace(STEP, faces=True)
    monkeypatch.setattr(keys, "_face_models", lambda: ["haar"])
    found = {key_of(looks, clip_of(frames)), key_of(STEP, clip_of(frames))}
    monkeypatch.setattr(keys, "_face_models", lambda: ["blazeface+mesh", "1"])
    found |= {key_of(looks, clip_of(frames)), key_of(STEP, clip_of(frames))}
    assert len(found) == 3


def test_frames_of_every_kind_have_a_key(frames, tmp_path):
    pixels = FolderFrames(frames).read(0, 8)
    about = {"numbers": range(1, 9), "fps": 200, "onset": 3, "apex": 4, "offset": 6}
    key = key_of(STEP, Clip.from_array(pixels, **about))
    assert key == key_of(STEP, Clip.from_array(pixels.copy(), **about))
    assert key == key_of(STEP, Clip.from_array(pixels, **about).blind())
    changed = pixels.copy()
    changed[5, 7, 9] ^= 1
    assert key != key_of(STEP, Clip.from_array(changed, **about))
    assert key != key_of(STEP, Clip.from_array(pixels.reshape(8, 10, 8), **about))


def test_settings_that_are_no_plain_values_are_refused(frames):
    with pytest.raises(ConfigError, match="ndarray cannot be part of a key; give plain values"):
        key_of(replace(STEP, settings=Scale(np.ones(3))), clip_of(frames))


# --- what a step sees ------------------------------------------------------------------------------------


def bare(clip: Clip, scale: Scale) -> Clip:
    assert (clip.emotion, clip.aus, clip.objective_class, clip.repairs) == (None, (), None, ())
    assert (clip.subject, clip.dataset, dict(clip.features), clip.paths) == ("", "", {}, ())
    assert clip.source.numbers == (3, 4, 5, 6)
    assert clip.source.shape == (4, 8, 10)
    assert clip.source.read(2, 99).shape == (2, 8, 10)
    return replace(clip, features={"id": np.array(clip.id)})


def test_a_step_sees_what_is_in_the_key_and_nothing_else(frames, cache):
    step = replace(STEP, compute=bare, gives=("id",))
    about = {"emotion": "fear", "aus": ("4",), "subject": "s9", "dataset": "x", "objective_class": "II"}
    first = cache(
        step, clip_of(frames, id="first", repairs=("mended",), features={"flow": np.ones(2)}, **about)
    )
    second = step(clip_of(frames, id="second"))
    assert first.features["id"] == second.features["id"]
    # The clip itself keeps everything.
    assert (first.id, first.emotion, first.repairs) == ("first", "fear", ("mended",))
    assert first.features["flow"].tolist() == [1, 1]


def test_neighbours_are_seen_as_far_as_they_are_asked_for(frames, cache):
    whole = FolderFrames(frames).read(0, 8).astype(float)
    for context, (start, stop) in {0: (2, 6), 1: (1, 7), 9: (0, 8)}.items():
        step = Step("mean", 1, Scale(), context_mean, ("mean",), context, faces=False)
        assert cache(step, clip_of(frames)).features["mean"] == whole[start:stop].mean()


def test_an_error_names_the_clip_as_its_owner_knows_it(frames, cache):
    step = replace(STEP, compute=unable)
    for call in (step, lambda clip: cache(step, clip)):
        with pytest.raises(DataError, match=r"^clip 'sub7_ep1': cannot be measured$"):
            call(clip_of(frames, id="sub7_ep1"))


def test_a_step_that_cannot_be_kept_is_refused(frames):
    extra = 3

    def around(clip, scale):
        return replace(clip, features={"means": extra})

    with pytest.raises(ConfigError, match="give a function of a module"):
        replace(STEP, compute=around)
    with pytest.raises(ConfigError, match="give a function of a module"):
        replace(STEP, compute=Scale().__init__)
    with pytest.raises(ConfigError, match="its settings are no dataclass"):
        replace(STEP, settings={"by": 2})
    with pytest.raises(ConfigError, match="give a name of lower-case"):
        replace(STEP, name="../elsewhere")
    with pytest.raises(ConfigError, match="gave means, size; it says that it gives flow"):
        replace(STEP, gives=("flow",))(clip_of(frames))


# --- found again -----------------------------------------------------------------------------------------


def test_what_was_computed_is_found_again(frames, tmp_path):
    plain = STEP(clip_of(frames))
    made = ClipCache(tmp_path / "cache")(STEP, clip_of(frames))
    CALLS.clear()
    found = ClipCache(tmp_path / "cache")(STEP, clip_of(frames, id="renamed"))
    assert CALLS == []
    for clip in (made, found, pickle.loads(pickle.dumps(found))):
        assert set(clip.features) == {"means", "size"}
        for name, value in plain.features.items():
            assert clip.features[name].dtype == value.dtype
            np.testing.assert_array_equal(clip.features[name], value)
        assert (clip.apex, clip.repairs) == (4, ("noted",))
    assert found.id == "renamed"


def test_a_clip_that_carries_the_features_is_left_as_it_is(frames, cache):
    clip = clip_of(frames, features={"means": np.ones(1), "size": np.ones(1)})
    assert cache(STEP, clip) is clip
    assert STEP(clip) is clip
    assert cache.folder.entries() == []


def test_features_are_read_when_they_are_asked_for(frames, cache):
    cache(STEP, clip_of(frames))
    found = cache(STEP, clip_of(frames))
    sent = pickle.dumps(found.features)
    assert len(sent) < 600
    cache.folder.clear()
    assert "means" in found.features
    with pytest.raises(DataError, match="taken out of the clip cache while it was needed; type the command"):
        _ = found.features["means"]


def test_features_that_were_exchanged_meanwhile_are_refused(frames, cache):
    clip = clip_of(frames)
    found = cache(STEP, clip)
    place = cache.folder.entries()[0].path
    about = unpack(place.read_bytes(), place).about
    place.write_bytes(pack({"means": np.zeros(4), "size": np.zeros(3)}, about))
    with pytest.raises(DataError, match="was changed while it was needed"):
        _ = found.features["means"]


@pytest.mark.parametrize(
    "value",
    [
        np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array("text ü"),
        np.array([True, False]),
        np.zeros((0, 5), np.uint8),
        np.array(1.5, ">f8"),
    ],
)
def test_arrays_of_every_form_come_back_as_they_were(value):
    found = unpack(pack({"a": value, "b": np.ones(3, np.uint8)}, {}), "file").arrays
    assert (found["a"].dtype, found["a"].shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(found["a"], value)
    found["a"][...] = found["a"]  # nobody else's


def test_equal_content_gives_equal_bytes_and_objects_are_refused():
    assert pack({"a": np.ones(3)}, {"x": 1}) == pack({"a": np.ones(3)}, {"x": 1})
    with pytest.raises(ConfigError, match="arrays of Python objects"):
        pack({"a": np.array([None])}, {})


# --- damage ----------------------------------------------------------------------------------------------


def spoil(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    return {
        "a bit": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        "its head": b"\0" + content[1:],
        "its end": content[:-1],
        "all of it": b"",
        "another's": pack({"means": np.zeros(4), "size": np.zeros(3)}, {"key": "0" * 64}),
    }[how]


@pytest.mark.parametrize("how", ["a bit", "its head", "its end", "all of it", "another's"])
def test_a_damaged_file_is_found_and_made_anew(how, frames, cache):
    sound = STEP(clip_of(frames)).features["means"]
    cache(STEP, clip_of(frames))
    place = cache.folder.entries()[0].path
    whole = place.read_bytes()
    place.write_bytes(spoil(whole, how))
    CALLS.clear()
    again = ClipCache(cache.folder.path)
    np.testing.assert_array_equal(again(STEP, clip_of(frames)).features["means"], sound)
    assert len(CALLS) == 1
    assert place.read_bytes() == whole
    (said,) = again.remarks
    assert str(place) in said
    assert said.endswith("it is made anew")
    again(STEP, clip_of(frames))
    assert (len(CALLS), len(again.remarks)) == (1, 1)


def test_verify_reads_every_file_and_removes_the_damaged(cache, tmp_path):
    for clip in clips_of(tmp_path / "data", 3):
        cache(STEP, clip)
    first, second, third = (entry.path for entry in cache.folder.entries())
    first.write_bytes(first.read_bytes()[:-9])
    # Whole, but under the name of another.
    second.write_bytes(third.read_bytes())
    sound, damaged = cache.verify()
    assert (sound, {entry.path for entry in damaged}) == (1, {first, second})
    assert cache.verify() == (1, [])


def changing(clip: Clip, scale: Scale) -> Clip:
    done = brightness(clip, scale)
    # As by somebody who is still copying the data.
    cv2.imwrite(os.environ["MERKIT_TEST_FRAME"], np.zeros((8, 10), np.uint8))
    return done


def test_what_was_computed_of_frames_that_change_is_not_kept(frames, cache, monkeypatch):
    monkeypatch.setenv("MERKIT_TEST_FRAME", str(frames / "img5.png"))
    cache(replace(STEP, compute=changing), clip_of(frames))
    assert cache.folder.entries() == []
    assert "its frames changed while it was measured" in cache.remarks[0]
    # With the frames as they are now it is.
    cache(replace(STEP, compute=changing), clip_of(frames))
    assert len(cache.folder.entries()) == 1


# --- size ------------------------------------------------------------------------------------------------


def test_what_was_used_longest_ago_makes_room(tmp_path):
    clips = clips_of(tmp_path / "data", 6)
    full = ClipCache(tmp_path / "cache")
    for clip in clips[:4]:
        full(STEP, clip)
    size = full.folder.entries()[0].size
    aged(full.folder)
    # The oldest is used again.
    ClipCache(full.folder.path)(STEP, clips[0])
    small = ClipCache(full.folder.path, limit=4 * size)
    small(STEP, clips[4])
    assert sum(entry.size for entry in small.folder.entries()) <= 4 * size
    CALLS.clear()
    later = ClipCache(full.folder.path, limit=4 * size)
    later(STEP, clips[0])
    later(STEP, clips[4])
    assert CALLS == []
    later(STEP, clips[1])
    assert len(CALLS) == 1


def test_a_run_does_not_remove_what_it_needs_itself(tmp_path):
    clips = clips_of(tmp_path / "data", 4)
    size = len(
        pack(STEP(clips[0]).features, {"key": "0" * 64, "step": STEP.name, "apex": 4, "repairs": ["noted"]})
    )
    cache = ClipCache(tmp_path / "cache", limit=2 * size + size // 2, since=time.time() - 5)
    made = [cache(STEP, clip) for clip in clips]
    assert len(cache.folder.entries()) == 2
    # Those that could not be kept are right all the same.
    for clip, done in zip(clips, made, strict=True):
        np.testing.assert_array_equal(done.features["means"], STEP(clip).features["means"])
    (said,) = cache.remarks
    assert "the clip cache is full" in said
    assert "set MERKIT_CLIP_CACHE_SIZE to more" in said


def test_a_lower_limit_is_kept_at_the_end(tmp_path, cache):
    for clip in clips_of(tmp_path / "data", 3):
        cache(STEP, clip)
    aged(cache.folder)
    small = CacheFolder(cache.folder.path, limit=cache.folder.entries()[0].size)
    small.trim()
    assert len(small.entries()) == 1


def test_the_limit_and_the_folder_can_be_set(monkeypatch, tmp_path):
    monkeypatch.delenv("MERKIT_CLIP_CACHE", raising=False)
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path))
    assert CacheFolder().path == tmp_path / "clips"
    assert CacheFolder().limit == 20 * 10**9
    monkeypatch.setenv("MERKIT_CLIP_CACHE", "~/big")
    monkeypatch.setenv("MERKIT_CLIP_CACHE_SIZE", "1.5 GB")
    assert CacheFolder().path == Path.home() / "big"
    assert CacheFolder().limit == 1_500_000_000
    monkeypatch.setenv("MERKIT_CLIP_CACHE_SIZE", "lots")
    with pytest.raises(ConfigError, match="MERKIT_CLIP_CACHE_SIZE='lots': expected a size, such as 20GB"):
        CacheFolder()
    assert (size_of("5k"), size_of("7"), in_words(5000)) == (5000, 7, "5.0 kB")


def test_clearing_removes_what_merkit_has_put_there_and_nothing_else(tmp_path, cache):
    clips = clips_of(tmp_path / "data", 3)
    for clip in clips:
        cache(STEP, clip)
    aged(cache.folder)
    other = replace(STEP, name="other")
    cache(other, clips[0])
    place = cache.folder.entries()[0].path
    own = [cache.folder.path / "notes.txt", place.parent / "mine.npy", cache.folder.path / "photos" / "a.png"]
    for file in own:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    draft = place.with_name(f".{place.stem}-0123abcd.part.npy")
    draft.touch()
    gone, _ = cache.folder.clear(older_s=3600.0)
    assert len(gone) == 3
    assert draft.exists()
    assert [entry.step for entry in cache.folder.entries()] == ["other"]
    assert cache.folder.clear("brightness") == ([], [])
    gone, left = cache.folder.clear()
    assert ([entry.step for entry in gone], left) == (["other"], [])
    assert not draft.exists()
    assert all(file.exists() for file in own)


# --- several processes -----------------------------------------------------------------------------------


def test_two_writers_of_one_key_do_no_harm(frames, tmp_path):
    clip = clip_of(frames)
    ours, theirs = ClipCache(tmp_path / "cache"), ClipCache(tmp_path / "cache")
    key = key_of(STEP, clip)
    assert ours.find(STEP, clip, key) is None
    done = STEP.of(clip)
    found = theirs(STEP, clip)
    ours.keep(STEP, clip, key, done)
    assert len(ours.folder.entries()) == 1
    np.testing.assert_array_equal(found.features["means"], done.features["means"])
    assert ours.verify() == (1, [])
    assert ours.remarks == theirs.remarks == []


def _fill(root: Path, folder: Path, barrier, numbers: list[int]) -> None:
    cache = ClipCache(folder)
    barrier.wait()
    for number in numbers:
        cache(STEP, clip_of(root / f"c{number}"))
    assert cache.remarks == []


def test_processes_may_work_at_once_and_leave_nothing_behind(tmp_path):
    clips_of(tmp_path / "data", 12)
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    order = list(range(12))
    workers = [
        context.Process(target=_fill, args=(tmp_path / "data", tmp_path / "cache", barrier, numbers))
        for numbers in (order, order[::-1])
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(files) == 12
    assert ClipCache(tmp_path / "cache").verify() == (12, [])


def test_what_killed_writers_left_goes_after_an_hour(frames, cache):
    cache(STEP, clip_of(frames))
    place = cache.folder.entries()[0].path
    old, young = (place.with_name(f".{place.stem}-{n:08x}.part.npy") for n in (1, 2))
    for draft in (old, young):
        draft.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    ClipCache(cache.folder.path)(STEP, clip_of(frames, fps=100))
    assert not old.exists()
    assert young.exists()
    assert len(cache.folder.entries()) == 2


# --- where nothing can be written ------------------------------------------------------------------------


def test_without_a_place_to_write_the_run_goes_on_with_one_remark(tmp_path):
    (tmp_path / "file").touch()
    cache = ClipCache(tmp_path / "file" / "cache")
    clips = clips_of(tmp_path / "data", 3)
    for clip in clips:
        np.testing.assert_array_equal(cache(STEP, clip).features["means"], STEP(clip).features["means"])
    (said,) = cache.remarks
    assert "cannot be written" in said
    assert said.endswith("the run goes on without keeping it")
    assert "\n" not in said
    with pytest.raises(DataError, match=r"the clip cache cannot be written .* in MERKIT_CLIP_CACHE"):
        cache.folder.check_writable()


def test_a_full_disk_loses_nothing(tmp_path, cache, monkeypatch):
    first, *others = clips_of(tmp_path / "data", 4)
    cache(STEP, first)

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    for clip in others:
        np.testing.assert_array_equal(cache(STEP, clip).features["means"], STEP(clip).features["means"])
    (said,) = cache.remarks
    assert "the disk is full; free some space" in said
    assert [path for path in cache.folder.path.rglob("*") if path.is_file()] == [
        cache.folder.entries()[0].path
    ]
    CALLS.clear()
    cache(STEP, first)
    assert CALLS == []


def test_a_cache_that_may_only_be_read_is_read(frames, cache, monkeypatch):
    cache(STEP, clip_of(frames))

    def refused(*given, **how):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "utime", refused)
    CALLS.clear()
    assert ClipCache(cache.folder.path)(STEP, clip_of(frames)).features["means"].shape == (4,)
    assert CALLS == []


def test_a_file_that_is_none_is_damaged():
    with pytest.raises(DamagedRecord, match="here: is damaged"):
        unpack(b"short", "here")

"""The head file: found, read and checked, made from meshes, and what the command says about it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from head3d_kit import model_of

from merkit.cli.main import main
from merkit.errors import DataError
from merkit.simulate.head3d import head_file, load_head_model
from merkit.simulate.head3d.convert import N_POINTS, NOTICE, read_obj
from merkit.simulate.head3d.shapes import needed_shapes, nostril_shapes
from merkit.simulate.head3d.topology import build_surface


@pytest.fixture(autouse=True)
def no_head_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MERKIT_HEAD", raising=False)
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "cache"))


def small_head(**changes: object) -> dict[str, np.ndarray]:
    """Arrays in the layout of a head file that say nothing of a face."""
    names = np.array(needed_shapes())
    quads = np.array([[0, 1, 2, 3], [0, 3, 4, -1]], np.int32)
    arrays: dict[str, np.ndarray] = {
        "neutral": np.arange(15, dtype=np.float32).reshape(5, 3),
        "quads": quads,
        "uv": np.zeros((5, 2), np.float32),
        "uv_quads": quads,
        "part": np.array([0, 0, 1, 2, 3], np.uint8),
        "expression_names": names,
        "expression_deltas": np.zeros((len(names), 5, 3), np.float16),
        "identity_deltas": np.zeros((2, 5, 3), np.float16),
        "landmark68": np.zeros(68, np.int32),
    }
    return {**arrays, **changes}  # type: ignore[dict-item]


def saved(folder: Path, **changes: object) -> Path:
    path = folder / "head.npz"
    np.savez(path, **small_head(**changes))
    return path


# Reading


def test_arrays_come_back_as_they_were_written(tmp_path: Path) -> None:
    model = load_head_model(saved(tmp_path))
    np.testing.assert_array_equal(model.neutral, small_head()["neutral"])
    assert set(needed_shapes()) <= set(model.expressions)
    assert model.expressions["mouthSmile_L"].dtype == np.float16
    assert re.fullmatch("[0-9a-f]{64}", model.sha256)


def test_the_file_is_looked_for_in_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"not on this machine.*merkit head import"):
        load_head_model()
    cached = tmp_path / "cache" / "models" / "face3d_ict.npz"
    cached.parent.mkdir(parents=True)
    shutil.copy(saved(tmp_path), cached)
    assert head_file() == cached
    named = tmp_path / "named.npz"
    monkeypatch.setenv("MERKIT_HEAD", str(named))
    with pytest.raises(DataError, match=r"named\.npz \(named in MERKIT_HEAD\): there is no such head file"):
        head_file()
    shutil.copy(cached, named)
    assert head_file() == named
    assert head_file(cached) == cached
    with pytest.raises(DataError, match=r"other\.npz: there is no such head file"):
        head_file(tmp_path / "other.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_files_that_are_no_archives_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "head.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"head\.npz: not a head file or a damaged one"):
        load_head_model(path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, **small_head())
    whole = content.getvalue()
    for damaged in (whole[: len(whole) // 2], whole[:300] + bytes(200) + whole[500:]):
        (tmp_path / "head.npz").write_bytes(damaged)
        with pytest.raises(DataError, match="damaged"):
            load_head_model(tmp_path / "head.npz")
    # A pickle could run anything.
    np.savez(tmp_path / "head.npz", **small_head(part=np.array([{}] * 5, dtype=object)))
    with pytest.raises(DataError, match="damaged"):
        load_head_model(tmp_path / "head.npz")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"neutral": np.full((5, 3), np.nan, np.float32)}, "neutral holds numbers that are not finite"),
        ({"neutral": np.zeros((4, 3), np.float32)}, "has the shape"),
        ({"neutral": np.zeros((5, 3), np.int64)}, "neutral holds int64 numbers"),
        ({"quads": np.array([[0, 1, 2, 9], [0, 3, 4, -1]])}, "quads points outside the arrays"),
        ({"quads": np.array([[0, 1, -1, 3], [0, 3, 4, -1]])}, "do not agree"),
        ({"part": np.array([0, 0, 1, 2, 7])}, "part points outside the arrays"),
        ({"landmark68": np.zeros(67, np.int32)}, "landmark68 has the shape"),
        ({"expression_names": np.array(["jawOpen"] * len(needed_shapes()))}, "the same name"),
        (
            {"expression_names": np.array([f"x{k}" for k in range(len(needed_shapes()))])},
            "the expressions browDown_L.* are missing",
        ),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, changes: dict, fault: str) -> None:
    with pytest.raises(DataError, match=rf"head\.npz: not a head file, {'.*' + fault}"):
        load_head_model(saved(tmp_path, **changes))


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    arrays = small_head()
    del arrays["uv"]
    np.savez(tmp_path / "head.npz", **arrays)
    with pytest.raises(DataError, match="it has no array 'uv'"):
        load_head_model(tmp_path / "head.npz")


def test_what_is_no_face_has_no_surface(tmp_path: Path) -> None:
    arrays = small_head(part=np.array([2, 0, 1, 2, 3], np.uint8))
    np.savez(tmp_path / "head.npz", **arrays)
    with pytest.raises(DataError, match="3D head: "):
        build_surface(load_head_model(tmp_path / "head.npz"))


def test_the_surface_has_no_hole_from_the_front(real_data: Path) -> None:
    surface = build_surface(model_of(real_data)).with_short_hair
    corners = surface.point[surface.triangles]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    n = int(surface.point.max()) + 1
    forwards, backwards = edges @ [n, 1], edges @ [1, n]
    # Every edge has a face on its other side, which runs the other way.
    assert len(np.unique(forwards)) == len(forwards)
    open_edges = np.setdiff1d(forwards, backwards)
    # Only what was added ends openly: inside the eyeballs, far below, and as teeth.
    added = surface.eye_points[1].stop
    assert (open_edges // n >= added).all()
    assert (open_edges % n >= added).all()


def test_nostrils_widen_outwards(real_data: Path) -> None:
    model = model_of(real_data)
    shapes = nostril_shapes(model.neutral, model.landmark68)
    for suffix, outwards in (("_L", 1), ("_R", -1)):
        shift = shapes[f"nostrilsWide{suffix}"][:, 0] * outwards
        assert shift.min() >= 0
        assert 0.1 < shift.max() <= 0.2
        assert np.abs(model.neutral[shift.argmax(), 0]) < 2.2


# Converting


def write_meshes(folder: Path, arrays: dict[str, np.ndarray]) -> dict[str, int]:
    """A folder like ICT-FaceKit's, from a head file: all needed shapes, most of them the same mesh."""
    folder.mkdir()
    source = arrays["source_vertex"]
    full = np.zeros((N_POINTS, 3))
    full[source] = arrays["neutral"]

    def lines_of(points: np.ndarray) -> list[str]:
        return ["mtllib some.mtl", *(f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in points.tolist())]

    def moved(delta: np.ndarray) -> str:
        points = full.copy()
        points[source] += delta
        return "\n".join(lines_of(points)) + "\n"

    faces = [
        "f " + " ".join(f"{source[p] + 1}/{t + 1}" for p, t in zip(face, places, strict=True) if p >= 0)
        for face, places in zip(arrays["quads"].tolist(), arrays["uv_quads"].tolist(), strict=True)
    ]
    # A face of the mouth's socket, which is left out, and its texture coordinate.
    last = len(arrays["uv"]) + 1
    extra = [f"f 11249/{last} 11250/{last} 11251/{last}"]
    uv = [f"vt {u:.6f} {v:.6f}" for u, v in [*arrays["uv"].tolist(), (0.5, 0.5)]]
    neutral = [*lines_of(full), *uv, "g face", "usemtl skin", *faces[:9000], *extra, *faces[9000:]]
    (folder / "generic_neutral_mesh.obj").write_text("\n".join(neutral) + "\n")
    marks = {"idx_to_landmark_verts": source[arrays["landmark68"]].tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(marks))
    picks = {"mouthSmile_L": 0, "jawOpen": 0, "identity000": 0, "identity003": 3}
    named = dict(zip(arrays["expression_names"].tolist(), arrays["expression_deltas"], strict=True))
    for name in picks:
        delta = arrays["identity_deltas"][picks[name]] if name.startswith("id") else named[name]
        (folder / f"{name}.obj").write_text(moved(delta))
    others = [*needed_shapes(), *(f"identity{k:03d}" for k in range(10))]
    for name in others:
        if not (folder / f"{name}.obj").exists():
            os.link(folder / "jawOpen.obj", folder / f"{name}.obj")
    return picks


@pytest.fixture(scope="module")
def meshes(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with np.load(real_data / "face3d_ict" / "face3d_ict.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    folder = tmp_path_factory.mktemp("meshes") / "FaceXModel"
    write_meshes(folder, arrays)
    return folder


def test_meshes_become_the_head_they_were_made_of(
    meshes: Path, real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["head", "import", str(meshes)]) == 0
    assert "10 identity modes (MIT licence" in capsys.readouterr().out
    made, expected = load_head_model(), model_of(real_data)
    for name in ("neutral", "quads", "uv", "uv_quads", "part", "landmark68"):
        np.testing.assert_allclose(getattr(made, name), getattr(expected, name), atol=1e-6)
    for name in ("mouthSmile_L", "jawOpen"):
        np.testing.assert_allclose(made.expressions[name], expected.expressions[name], atol=2e-3)
    np.testing.assert_allclose(made.identities[[0, 3]], expected.identities[[0, 3]], atol=2e-3)
    with np.load(head_file()) as archive:
        assert str(archive["licence"]) == NOTICE
    assert main(["head"]) == 0
    said = capsys.readouterr().out
    assert f"expressions {len(needed_shapes())}\n" in said
    assert "identities  10\n" in said
    assert main(["head", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == made.sha256
    assert [path.name for path in head_file().parent.iterdir()] == ["face3d_ict.npz"]


def broken(meshes: Path, folder: Path) -> Path:
    """A copy of the meshes that may be spoilt."""
    shutil.copytree(meshes, folder, copy_function=os.link)
    return folder


def spoil(path: Path, content: str) -> None:
    path.unlink()
    path.write_text(content)


def test_incomplete_folders_are_refused_and_nothing_is_written(
    meshes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "head.npz"

    def refusal(folder: Path) -> str:
        assert main(["head", "import", str(folder), "-o", str(target)]) == 2
        said = capsys.readouterr().err.strip()
        assert said.count("\n") == 0
        assert not list(tmp_path.glob("*.npz"))
        return said

    assert "no such folder" in refusal(tmp_path / "none")
    folder = broken(meshes, tmp_path / "a")
    (folder / "mouthSmile_R.obj").unlink()
    assert "mouthSmile_R are missing" in refusal(folder)
    folder = broken(meshes, tmp_path / "b")
    (folder / "identity004.obj").unlink()
    assert "identity000.obj" in refusal(folder)
    folder = broken(meshes, tmp_path / "c")
    spoil(folder / "vertex_indices.json", '{"idx_to_landmark_verts": [1, 2]}')
    assert "68 points" in refusal(folder)
    spoil(folder / "vertex_indices.json", "[")
    assert "landmarks" in refusal(folder)
    (folder / "vertex_indices.json").unlink()
    assert "has no vertex_indices.json" in refusal(folder)
    folder = broken(meshes, tmp_path / "d")
    spoil(folder / "browDown_L.obj", "v 1 2 3\n")
    assert "has 1 points instead of 26719" in refusal(folder)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("v 1 2\n", "does not hold 3 numbers"),
        ("v 1 2 x\n", "could not convert"),
        ("v 1 2 nan\n", "does not hold 3 numbers"),
        ("nothing\n", "does not hold 3 numbers"),
        ("v 1 2 3\nvt 0 0\nf 1 1 1\n", "has no texture coordinates"),
        ("v 1 2 3\nvt 0 0\nf 1/1 1/1 2/1\n", "not one of three or four points"),
        ("v 1 2 3\nvt 0 0\nf 1/1 1/1 1/2\n", "outside the texture coordinates"),
        ("v 1 2 3\nvt 0 0\nf 1/1 1/1\n", "not one of three or four points"),
    ],
)
def test_broken_meshes_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "mesh.obj").write_text(text)
    with pytest.raises(DataError, match=rf"mesh\.obj: .*{fault}"):
        read_obj(tmp_path / "mesh.obj")


def test_lines_of_the_original_files_are_understood(tmp_path: Path) -> None:
    # The first lines of generic_neutral_mesh.obj, and a face in its notation.
    (tmp_path / "mesh.obj").write_text(
        "mtllib ICTFaceModelMaterial.mtl\nv 0.000000000000000 -3.929080854700857 10.614474358974361\n"
        "v 0.000000000000000 -3.812205128205128 10.673075213675222\n"
        "v -0.503396735042735 3.454133461538461 10.638688247863248\n"
        "vt 0.085920 0.662886\nvt 0.079450 0.668606\nf 1/1 2/2 3/1\nf 3/2 2/1 1/1 2/2\n"
    )
    points, faces, uv, uv_faces = read_obj(tmp_path / "mesh.obj")
    np.testing.assert_allclose(points[2], [-0.503396735042735, 3.454133461538461, 10.638688247863248])
    np.testing.assert_array_equal(faces, [[0, 1, 2, -1], [2, 1, 0, 1]])
    np.testing.assert_allclose(uv, [[0.08592, 0.662886], [0.07945, 0.668606]])
    np.testing.assert_array_equal(uv_faces, [[0, 1, 0, -1], [1, 0, 0, 1]])


# The command without a head


def test_without_a_head_the_command_says_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["head"]) == 3
    assert "merkit head import ICT-FaceKit/FaceXModel" in capsys.readouterr().err
    monkeypatch.setenv("MERKIT_HEAD", str(tmp_path / "junk.npz"))
    (tmp_path / "junk.npz").write_bytes(b"junk")
    assert main(["head", "show", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["file"] is None
    assert "damaged" in found["problem"]

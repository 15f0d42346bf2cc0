"""The clip cache: looking up what a step gave of a clip, and keeping what it gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from merkit.cache.folder import CacheFolder, Entry
from merkit.cache.key import check_unchanged, key_of
from merkit.cache.record import DamagedRecord, Record, StoredArrays, checksum_of, pack, unpack
from merkit.cache.step import Step, added
from merkit.clips import Clip
from merkit.errors import DataError


class ClipCache:
    """What steps have computed of clips, on the disk, under digests of what it depends on.

    Whatever goes wrong with the cache, the result is what it would be without: a damaged file is computed
    anew, and where nothing can be written nothing is kept.  What there was is among the remarks.

    Parameters
    ----------
    folder, limit, since
        See :class:`~merkit.cache.folder.CacheFolder`.

    Attributes
    ----------
    folder : CacheFolder
    remarks : list of str
        What somebody should know, one line each.
    """

    def __init__(
        self, folder: str | Path | None = None, limit: int | None = None, since: float | None = None
    ) -> None:
        self.folder = CacheFolder(folder, limit, since)
        self.remarks: list[str] = []

    def __call__(self, step: Step, clip: Clip) -> Clip:
        """The clip with what the step computes of it, from the cache or for the cache.

        Raises
        ------
        DataError
            If it cannot be computed; the clip is named.
        """
        if step.is_done(clip):
            return clip
        key = key_of(step, clip)
        done = self.find(step, clip, key)
        if done is None:
            done = self.keep(step, clip, key, step.of(clip))
        return added(clip, done)

    def find(self, step: Step, clip: Clip, key: str) -> Clip | None:
        """What was kept of a clip, as :meth:`Step.of` gives it; ``None`` if nothing sound was."""
        content = self.folder.read(step.name, key)
        if content is None:
            return None
        place = self.folder.place(step.name, key)
        try:
            record = unpack(content, place)
            if record.about["key"] != key:
                raise DamagedRecord(f"{place}: is another file under a wrong name")
        except DamagedRecord as error:
            self._remark(f"{error}; it is made anew")
            return None
        return _stored(clip, place, record)

    def keep(self, step: Step, clip: Clip, key: str, done: Clip) -> Clip:
        """Keep what a step has given of a clip; if that does not work, it is said once.

        Returns
        -------
        Clip
            `done`, its features in the cache if they could be kept.
        """
        try:
            check_unchanged(step, clip, key)
            return self.put(step, clip, key, done)
        except DataError as error:
            self._remark(f"{error}; the run goes on without keeping it")
            return done

    def put(self, step: Step, clip: Clip, key: str, done: Clip) -> Clip:
        """Keep what a step has given of a clip.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        about = {"key": key, "step": step.name, "apex": done.apex, "repairs": list(done.repairs)}
        content = pack(done.features, about)
        place = self.folder.write(step.name, key, content)
        return _stored(clip, place, Record(done.features, about, checksum_of(content)))

    def verify(self) -> tuple[int, list[Entry]]:
        """Read every file and remove those that are damaged; they are made anew when they are needed.

        Returns
        -------
        sound : int
        damaged : list of Entry
        """
        sound, damaged = 0, []
        for entry in self.folder.entries():
            try:
                record = unpack(entry.path.read_bytes(), entry.path)
                if record.about["key"] != entry.path.stem:
                    raise DamagedRecord(f"{entry.path}: is another file under a wrong name")
            except FileNotFoundError:
                continue
            except (DamagedRecord, OSError):
                damaged.append(entry)
                self.folder.remove(entry)
            else:
                sound += 1
        return sound, damaged

    def _remark(self, line: str) -> None:
        if line not in self.remarks:
            self.remarks.append(line)


def _stored(clip: Clip, place: Path, record: Record) -> Clip:
    return replace(
        clip,
        features=StoredArrays(place, tuple(record.arrays), record.checksum),
        apex=record.about["apex"],
        repairs=tuple(record.about["repairs"]),
    )

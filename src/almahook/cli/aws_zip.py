"""Writes a folder into a zip file; the same files make the same bytes."""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

# The oldest moment that a zip file can tell.
_MOMENT = (1980, 1, 1, 0, 0, 0)
# Readable for all: a function does not run as who packed it.
_READABLE = 0o100644 << 16


def write_zip(folder: Path, file: Path, *, comment: str) -> None:
    """Write all files of a folder, in the order of their names."""
    # Whoever reads the file meanwhile sees the old one, whole.
    new = file.with_name(f"{file.name}.new")
    with ZipFile(new, "w") as archive:
        archive.comment = comment.encode("ascii")
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = ZipInfo(path.relative_to(folder).as_posix(), date_time=_MOMENT)
            entry.external_attr = _READABLE
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    new.replace(file)


def read_comment(file: Path) -> str:
    """Return what was written about a zip file.

    Raises:
        OSError: It is not there.
        BadZipFile: It is none.
    """
    with ZipFile(file) as archive:
        return archive.comment.decode("ascii", "replace")

from pathlib import Path

import pytest
from PIL import Image

from device.display.png import PngFile
from device.errors import HardwareError


def test_the_file_holds_the_picture_pixel_for_pixel(tmp_path: Path) -> None:
    image = Image.new("1", (128, 64))
    image.putpixel((5, 6), 1)
    PngFile(tmp_path / "screen.png").put(image)
    with Image.open(tmp_path / "screen.png") as stored:
        assert stored.convert("1").tobytes() == image.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["screen.png"]


def test_an_identical_picture_leaves_the_file_alone(tmp_path: Path) -> None:
    panel = PngFile(tmp_path / "screen.png")
    panel.put(Image.new("1", (128, 64)))
    before = (tmp_path / "screen.png").stat().st_ino
    panel.put(Image.new("1", (128, 64)))
    assert (tmp_path / "screen.png").stat().st_ino == before
    panel.put(Image.new("1", (128, 64), 1))
    assert (tmp_path / "screen.png").stat().st_ino != before


def test_no_picture_makes_a_new_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new name enters Python's table of strings, which then grew in the soak."""
    panel = PngFile(tmp_path / "screen.png")
    monkeypatch.setattr(Path, "with_name", None)
    panel.put(Image.new("1", (128, 64)))
    assert (tmp_path / "screen.png").exists()


def test_a_missing_folder_is_a_hardware_error(tmp_path: Path) -> None:
    with pytest.raises(HardwareError):
        PngFile(tmp_path / "no" / "screen.png").put(Image.new("1", (128, 64)))

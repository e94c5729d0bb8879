"""Makes the pages of docs/gallery.md by the commands that stand there, below build/gallery.

    python scripts/gallery.py                  the pages, some minutes
    python scripts/gallery.py --pictures       also a picture of each, with Chromium, below docs/images/gallery

`make gallery docs` does the first, and links the pages in the web site (see scripts/docs_site.py).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from gnnreco.cli import main
from gnnreco.files.atomic import write_file

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "images" / "gallery"
SIZE = (1440, 900)  # pixels of the window
SMALL = (560, 350)  # of the picture
COLOURS = 64
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--hide-scrollbars",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--virtual-time-budget=6000",
)
TRIES, PATIENCE = 3, 90.0  # seconds


def sections(text: str) -> list[tuple[str, str, str]]:
    """Picture, page and commands of each section."""
    pattern = r"^!\[[^\]]*\]\(images/gallery/(\S+)\)\s+<!-- open: (\S+) -->\s+^```\n(.*?)^```"
    return re.findall(pattern, text, flags=re.DOTALL | re.MULTILINE)


def run(commands: str) -> None:
    """Type commands, one a line."""
    for line in commands.strip().splitlines():
        words = shlex.split(line)
        if words[0] != "gnnreco" or main([*words[1:], "--quiet"]) != 0:
            raise SystemExit(f"{PAGE}: {line}")


def picture(page: Path, file: Path) -> None:
    """What Chromium shows of a page, small."""
    from PIL import Image

    chromium = next((c for c in ("chromium", "chromium-browser", "google-chrome") if shutil.which(c)), None)
    if chromium is None:
        raise SystemExit("no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        window = [
            f"--screenshot={shot}",
            f"--window-size={SIZE[0]},{SIZE[1]}",
            f"--user-data-dir={folder}/profile",
        ]
        for _ in range(TRIES):  # a busy machine may leave the browser waiting for itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [chromium, *FLAGS, *window, page.as_uri()],
                    check=True,
                    capture_output=True,
                    timeout=PATIENCE,
                )
            if shot.exists():
                break
        with Image.open(shot) as whole:
            small = whole.convert("RGB").resize(SMALL, Image.Resampling.LANCZOS).quantize(COLOURS)
            file.parent.mkdir(parents=True, exist_ok=True)
            small.save(file, optimize=True)


def make(folder: Path, pictures: bool) -> None:
    """Run all commands of the page in a folder; what is no page of the gallery goes again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = sections(PAGE.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "examples").symlink_to(ROOT / "examples")
        os.chdir(work)
        for image, page, commands in found:
            run(commands)
            write_file(folder / page, Path(page).read_text("utf-8"))
            print(folder / page, flush=True)
            if pictures:
                picture(folder / page, PICTURES / image)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", action="store_true")
    make(ROOT / "build" / "gallery", parser.parse_args().pictures)

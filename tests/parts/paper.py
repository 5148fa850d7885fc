"""Reading a PDF as any reader does: by poppler's programs."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

from tests.parts import require


@dataclass(frozen=True, slots=True)
class Paper:
    """A PDF that was written to a file."""

    file: Path

    def asked(self, program: str, *options: str, to: str = "") -> str:
        """What a program of poppler says of it."""
        require(shutil.which(program), f"{program} (poppler-utils) is not installed")
        told = subprocess.run(
            [program, *options, str(self.file), *([to] if to else [])], capture_output=True, text=True, check=True
        )
        return told.stdout

    def text(self, first: int = 1, last: int = 0) -> str:
        """The words of its pages, laid out, spaces of all kinds as one."""
        pages = ["-f", str(first), *(["-l", str(last)] if last else [])]
        return " ".join(self.asked("pdftotext", *pages, "-layout", to="-").split())

    def info(self) -> dict[str, str]:
        """What it says of itself."""
        lines = (line.partition(":") for line in self.asked("pdfinfo").splitlines())
        return {name: value.strip() for name, _, value in lines}

    def objects(self) -> list[bytes]:
        """Its objects as they are written, out of their compressed streams (ISO 32000-1, 7.5.7)."""
        packed = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", self.file.read_bytes(), re.DOTALL)
        return [zlib.decompressobj().decompress(one) for one in packed if one[:1] == b"x"]

    def attached(self, folder: Path) -> list[Path]:
        """The files in it, taken out."""
        folder.mkdir(exist_ok=True)
        self.asked("pdfdetach", "-saveall", "-o", str(folder))
        return sorted(folder.iterdir())

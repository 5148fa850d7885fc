"""Paper: HTML to a tagged PDF by WeasyPrint, in a process of its own that gives its memory back and fetches nothing.

`python -m service.gateways.pdf ZONE` is that process: it reads the CSV of a proof and writes the PDF. Who asks for one holds
the bytes of the file and no more, however many recipients it has.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import structlog

from service.core.proof import paper, sheet
from service.core.proof.content import Proof
from service.kinship import tied
from service.ports import CannotPrint
from service.setting_values import ROOT

log = structlog.get_logger(__name__)

# A thousand recipients take some 15 s on a small machine.
_PATIENCE = 300.0
_LACKING, _FONT_LACKING = 3, 4
_FONT = "DejaVu-Sans"
_PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
_LACKS = (
    "Le PDF ne peut pas être écrit : il manque {what} à cette machine. Sous Debian, la personne qui administre Pli "
    f"les installe avec « apt install {_PACKAGES} ». En attendant, prenez la preuve en CSV : le contenu et l’empreinte sont les mêmes."
)


@dataclass(frozen=True, slots=True)
class WeasyPrinter:
    """Prints proofs, hours in one zone."""

    zone: ZoneInfo
    # What the process sees of ours: no setting, no secret.
    environment: Mapping[str, str] = field(default_factory=dict)
    # A test may ask another Python, which lacks the libraries.
    command: tuple[str, ...] = (sys.executable, "-m", "service.gateways.pdf")

    def pdf(self, proof: Proof) -> bytes:
        """Print a proof, with its CSV inside. CannotPrint when libraries or the font are missing, or time runs out."""
        return self.pdf_of_file(sheet.write(proof))

    def pdf_of_file(self, file: bytes) -> bytes:
        """Print a proof out of its CSV, which stands in the PDF to the byte. CannotPrint as above."""
        try:
            done = subprocess.run(  # noqa: S603 (our own module)
                tied((*self.command, self.zone.key)),
                input=file,
                capture_output=True,
                timeout=_PATIENCE,
                cwd=ROOT,
                env=dict(self.environment),
                check=False,
            )
        except subprocess.TimeoutExpired as slow:
            raise CannotPrint(
                "Le PDF n’est pas prêt au bout de 5 minutes : la machine est trop chargée. Recommencez plus tard, ou prenez la preuve en CSV."
            ) from slow
        match done.returncode:
            case 0:
                return done.stdout
            case code if code == _LACKING:
                raise CannotPrint(_LACKS.format(what="les bibliothèques de mise en page (Pango)"))
            case code if code == _FONT_LACKING:
                raise CannotPrint(_LACKS.format(what="la police DejaVu Sans"))
            case code:
                # Its own words may hold what it printed: the code alone is told.
                log.error("proof.printing_failed", code=code, next="the CSV is whole; report this code")
                raise CannotPrint(
                    "Le PDF n’a pas pu être écrit. Prenez la preuve en CSV : le contenu et l’empreinte sont les mêmes."
                )


def _order(file: bytes, zone: str) -> dict[str, Any]:
    proof = sheet.read(file)
    templates = paper.environment(jinja2.FileSystemLoader(ROOT / "templates" / "proof"))
    return {
        "html": paper.html(proof, environment=templates, zone=ZoneInfo(zone)),
        "name": f"{proof.file_name}.csv",
        "csv": file,
        "dated": proof.last_fact_at,
        "identifier": sheet.sha256(proof)[:32],
    }


def _print(order: dict[str, Any]) -> bytes:
    try:
        with warnings.catch_warnings():
            # It warns where there is no font at all, and would die of it later.
            warnings.simplefilter("error", UserWarning)
            import weasyprint  # noqa: PLC0415 (half a second, and its libraries may be missing)
    except (ImportError, OSError):
        sys.exit(_LACKING)
    except UserWarning:
        sys.exit(_FONT_LACKING)

    class Nothing(weasyprint.urls.URLFetcher):  # type: ignore[misc]  # known only where it can be loaded
        def fetch(self, url: str, headers: Any = None) -> Any:
            raise ValueError("a proof fetches nothing")

    dated = order["dated"]
    attached = weasyprint.Attachment(
        string=order["csv"],
        name=order["name"],
        description="Le contenu de la preuve, que couvre l’empreinte",
        created=dated,
        modified=dated,
        relationship="Source",
        url_fetcher=Nothing(),
    )
    document = weasyprint.HTML(string=order["html"], url_fetcher=Nothing()).render(attachments=[attached])
    written: bytes = document.write_pdf(
        pdf_variant="pdf/ua-1", pdf_identifier=order["identifier"].encode(), attachments=[attached]
    )
    if not any(_FONT in str(font.name) for font in document.fonts.values()):
        # Other fonts would print, maybe squares: a proof does not take the chance.
        sys.exit(_FONT_LACKING)
    return written


if __name__ == "__main__":
    sys.stdout.buffer.write(_print(_order(sys.stdin.buffer.read(), sys.argv[1])))

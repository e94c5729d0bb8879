"""The bundles that ship with gnnreco: their names, and which of them reconstruct what a detector measures."""

from __future__ import annotations

from pathlib import Path

from gnnreco.errors import BadBundle
from gnnreco.files.json_file import read_json
from gnnreco.geometry import Detector
from gnnreco.schema import nearest
from gnnreco.tasks.registry import TASKS

from .files import MANIFEST, read_manifest

#: Find showers, and clusters of charge, where a detector has no bundle of its own for them.
SHOWERS, CLUSTERS = "showers-any", "clusters-density"
#: The clumps that showers are made of: what particle flow builds on.
CLUMPS = "clusters-fine"
#: Makes particles where a detector has no bundle of its own for them.
PARTICLES = "pflow-any"
#: What each is for, a figure, and the page that has it.
PURPOSES = "purposes.json"
SHIPPED = Path(__file__).parents[1] / "bundles"


def list_bundles() -> list[str]:
    """Names of the bundles that ship with gnnreco.

    Returns
    -------
    list of str
        Sorted; `load_bundle` takes each.

    Examples
    --------
    >>> import gnnreco
    >>> [name for name in gnnreco.list_bundles() if name.startswith("tracking")]
    ['tracking-cld', 'tracking-full-hex', 'tracking-hex', 'tracking-odd', 'tracking-telescope', 'tracking-trackml']
    """
    return sorted(folder.parent.name for folder in SHIPPED.glob(f"*/{MANIFEST}"))


def purpose_of(name: str) -> tuple[str, str]:
    """What a shipped bundle is for, and a figure of it with its unit, as the pages of docs/performance give it.

    Examples
    --------
    >>> from gnnreco.bundle import purpose_of
    >>> purpose_of("tracking-telescope")
    ('tracks in telescope', '99.6 % found, 0.00 % fakes in noise')
    """
    purpose, figure, _page = read_json(SHIPPED / PURPOSES)[name]
    return purpose, figure


def default_bundles(detector: Detector, build_on: bool = True) -> list[str]:
    """Names of shipped bundles that reconstruct what a detector measures, one for each task.

    Charge gives tracks where a bundle for this very detector ships, else clusters. Particle flow comes last, after those
    bundles whose tracks and clusters it learned from: the one of this very detector, or where tracks of this detector and
    energies can be had, the one for any.

    Parameters
    ----------
    detector : Detector
    build_on : bool
        Take particle flow too, not only what it builds on.

    Raises
    ------
    BadBundle
        If no bundle that ships was trained on a detector that measures positions.
    """
    measures = {what for s in detector.subsystems for what in s.measures}
    shipped = {name: read_manifest(SHIPPED / name) for name in list_bundles()}
    hashes = {name: (m["task"], m["detector"]["hash"]) for name, m in shipped.items()}
    here = detector.at_source().hash
    own = [name for name, what in hashes.items() if what == ("particleflow", here)]
    tracks = [name for name, what in hashes.items() if what == ("tracking", here)]
    chain: list[str] = []
    if own:
        chain = [*shipped[own[0]]["training"]["data"]["sample"]["bundles"], own[0]]
    elif tracks and "energy" in measures and PARTICLES in shipped:
        chain = [tracks[0], CLUMPS, PARTICLES]
    if chain:
        return chain if build_on else chain[:-1]
    chosen: list[str] = []
    for task in ("drift", "tracking", "clustering"):
        own = [name for name, what in hashes.items() if what == (task, here)]
        if measures.isdisjoint(TASKS[task].needs.measures) or (task == "drift" and not own):
            continue
        if task == "clustering" and chosen and "energy" not in measures:
            continue  # all that there is to cluster is on tracks
        if task == "clustering":
            own = [shower_bundle(detector)]
        if not own:
            raise BadBundle(
                f"for detector {detector.name}",
                "none for tracks ships; make one with `gnnreco bundle adapt` or `gnnreco train`, "
                "and name it with bundles="
                + (f" (showers alone are found with bundles='{CLUSTERS}')" if "energy" in measures else ""),
            )
        chosen.append(own[0])
    if not chosen:
        raise BadBundle(f"for detector {detector.name}", "it measures neither position nor energy nor charge")
    return chosen


def shower_bundle(detector: Detector) -> str:
    """Name of the shipped bundle that finds whole showers, or clusters of charge, in a detector: its own, else one for any.

    Where particle flow follows, `default_bundles` takes small clusters of cells in its place.
    """
    shipped = {name: read_manifest(SHIPPED / name) for name in list_bundles()}
    wanted = ("clustering", detector.at_source().hash)
    own = [name for name, m in shipped.items() if (m["task"], m["detector"]["hash"]) == wanted]
    energy = any("energy" in s.measures for s in detector.subsystems)
    return own[0] if own else SHOWERS if energy and SHOWERS in shipped else CLUSTERS


def find_bundle(name_or_path: str | Path) -> Path:
    """Return the folder of a shipped bundle or a path; `BadBundle` with the nearest name if there is none."""
    if isinstance(name_or_path, str) and name_or_path in list_bundles():
        return SHIPPED / name_or_path
    folder = Path(name_or_path)
    if not folder.is_dir():
        raise BadBundle(
            name_or_path, f"neither a folder nor a shipped bundle{nearest(str(name_or_path), list_bundles())}"
        )
    return folder

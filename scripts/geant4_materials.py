"""Materials of Geant4 by name: radiation length, interaction length (mm), critical energy (MeV).

The first eleven, which bundles were trained with, are from the Particle Data Group's atomic and nuclear properties. Lengths of the others are
those of Geant4's own materials (`G4NistManager`). Critical energies of elements are the group's, or its 610 MeV / (Z + 1.24); in a
compound or a mixture the losses of its elements add.
"""

from __future__ import annotations

#: By the names that Geant4 gives its own materials.
MATERIALS = {
    "G4_W": (3.504, 99.46, 7.97),
    "G4_U": (3.166, 110.3, 6.65),
    "G4_Pb": (5.612, 175.9, 7.43),
    "G4_Sn": (12.06, 227.0, 11.86),
    "G4_Mo": (9.594, 153.1, 13.85),
    "G4_Cu": (14.36, 153.2, 19.42),
    "G4_Fe": (17.57, 167.7, 21.68),
    "G4_Si": (93.70, 465.2, 40.19),
    "G4_PLASTIC_SC_VINYLTOLUENE": (424.5, 785.0, 94.11),
    "G4_lAr": (140.0, 857.0, 32.84),
    "G4_AIR": (303_900.0, 747_700.0, 87.9),
    "G4_Be": (352.8, 394.1, 113.70),
    "G4_C": (213.5, 400.8, 81.74),
    "G4_GRAPHITE": (193.2, 362.7, 81.74),
    "G4_Al": (88.96, 388.9, 42.70),
    "G4_Ti": (35.6, 279.9, 26.01),
    "G4_Cr": (20.81, 181.9, 24.17),
    "G4_Ni": (14.24, 152.8, 20.05),
    "G4_Zn": (17.43, 197.7, 18.93),
    "G4_Ge": (23.01, 274.3, 18.16),
    "G4_Nb": (11.58, 185.0, 14.44),
    "G4_Ag": (8.543, 158.7, 12.36),
    "G4_Cd": (10.4, 195.3, 12.39),
    "G4_Ta": (4.094, 118.9, 8.09),
    "G4_Pt": (3.051, 94.63, 7.70),
    "G4_Au": (3.344, 105.4, 7.53),
    "G4_Bi": (6.454, 213.1, 7.24),
    "G4_STAINLESS-STEEL": (17.38, 166.8, 21.92),
    "G4_BRASS": (13.67, 169.5, 17.28),
    "G4_POLYSTYRENE": (413.1, 687.5, 92.30),
    "G4_POLYETHYLENE": (476.3, 719.3, 101.77),
    "G4_PLEXIGLASS": (340.7, 626.7, 85.96),
    "G4_LUCITE": (340.7, 626.7, 85.96),
    "G4_KAPTON": (285.7, 558.2, 80.57),
    "G4_MYLAR": (285.4, 559.2, 80.85),
    "G4_TEFLON": (158.4, 408.3, 63.92),
    "G4_WATER": (360.8, 753.7, 79.59),
    "G4_PbWO4": (8.925, 207.4, 9.45),
    "G4_CESIUM_IODIDE": (18.6, 393.1, 11.04),
    "G4_SODIUM_IODIDE": (25.88, 429.1, 13.27),
    "G4_BGO": (11.18, 227.1, 10.59),
    "G4_BARIUM_FLUORIDE": (20.27, 307.1, 13.85),
    "G4_GLASS_LEAD": (12.66, 257.4, 10.58),
    "G4_SILICON_DIOXIDE": (116.6, 413.2, 51.06),
    "G4_Pyrex_Glass": (126.3, 422.9, 53.15),
    "G4_GALLIUM_ARSENIDE": (22.96, 274.7, 18.34),
    "G4_CADMIUM_TELLURIDE": (14.36, 278.6, 11.89),
    "G4_lKr": (47.03, 633.4, 17.03),
    "G4_lXe": (28.72, 602.4, 11.66),
    "G4_Galactic": (1e12, 1e12, 87.9),
}


def material(name: object) -> tuple[float, float, float]:
    """What a plate is made of; `SystemExit` where nobody knows it."""
    known = MATERIALS.get(str(name))
    if known is None:
        raise SystemExit(
            f"material {name!r}: not among the {len(MATERIALS)} of scripts/geant4_materials.py; add its radiation length, "
            "interaction length and critical energy there"
        )
    return known

"""Rebuild the table of layers that the wafer-map importer uses where it is told no other.

    python scripts/build_wafer_layers.py

The stack of the CMS high-granularity endcap calorimeter, 26 + 21 layers, as facts from CMSSW: thicknesses from
Geometry/HGCalCommonData/data, hgcalEE/v17, hgcalHEsil/v17, hgcalHEmix/v17, hgcalwafer/v17 and hgcal/v17 (the same in
v19). Materials: PDG tables of atomic and nuclear properties; WCu is 75 % tungsten by mass; the space of connectors is
taken as a fifth of solid circuit board, which is a guess. `share` is what a shower leaves in silicon over what
minimum-ionising particles of its energy would: in the front part 0.77, as in the CMS simulation (photons of 50 and 500 GeV in
`scripts/shower_vs_geant4.py`; our own Geant4, with its fastest option, gives 0.69); in the steel of the back part 0.86, which
is that by the rule 1 / (1 + 0.007 (Z - 14)) of Grindhammer and Peters, hep-ex/0001020, for the two materials.
"""

from __future__ import annotations

from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "gnnreco" / "geometry" / "importers" / "wafers" / "layers.csv"
# sqrt(4 pi / alpha) times the electron's mass, MeV; the Moliere radius is X0 times this over the critical energy.
MULTIPLE_SCATTERING = 21.2052

#: Radiation length mm, interaction length mm, loss of a minimum-ionising particle MeV/mm, critical energy MeV.
MATERIAL = {
    "Pb": (5.612, 175.9, 1.274, 7.43),
    "Cu": (14.36, 153.2, 1.257, 19.42),
    "steel": (17.57, 167.7, 1.145, 21.68),
    "WCu": (5.12, 116.5, 1.812, 8.6),
    "Si": (93.70, 465.2, 0.3876, 40.19),
    "board": (194.0, 530.0, 0.318, 60.0),
    "connectors": (970.0, 2650.0, 0.0636, 60.0),
    "epoxy": (360.0, 650.0, 0.24, 80.0),
    "kapton": (285.7, 581.6, 0.2575, 80.0),
    "air": (303_900.0, 747_700.0, 0.00022, 87.9),
}
Stack = list[tuple[str, float]]
FRONT_LAYERS, SHARE_FRONT, SHARE_BACK = 26, 0.77, 0.86

# A module of the front part: cold side first; it stands so in odd layers and turned round in even ones.
MODULE_EE: Stack = [("air", 0.225), ("board", 1.6), ("connectors", 3.73), ("board", 1.6), ("epoxy", 0.075)]
MODULE_EE += [("Si", 0.3), ("epoxy", 0.065), ("kapton", 0.265), ("epoxy", 0.065), ("WCu", 1.4)]
MODULE_HE: Stack = [("air", 0.4), ("board", 1.6), ("connectors", 3.475), ("board", 1.6), ("epoxy", 0.075)]
MODULE_HE += [("Si", 0.3), ("epoxy", 0.075), ("kapton", 0.1), ("epoxy", 0.075), ("board", 1.0)]
TILE_FROM_MODULE = 0.4 + 3.0 + 0.2 + 0.25 + 1.5  # to the middle of the scintillator, mm
SKIN: Stack = [("Cu", 0.1), ("steel", 0.3), ("epoxy", 0.05)]


def layers() -> list[tuple[Stack, Stack]]:
    """For each layer what stands before its module, and the module."""
    found: list[tuple[Stack, Stack]] = []
    for lead in [2.77] + 8 * [4.97] + 4 * [8.22]:
        found.append(([*SKIN, ("Pb", lead), *reversed(SKIN)], MODULE_EE))
        found.append(([("Cu", 6.05)], MODULE_EE[::-1]))
    first = [("steel", 1.0), ("air", 1.25), ("steel", 45.0), ("air", 4.0), ("steel", 2.5)]
    found.append((first, MODULE_HE))
    for absorber in 10 * [41.5] + 10 * [60.7]:
        found.append(([("Cu", 6.35), ("steel", absorber), ("air", 4.0), ("steel", 2.5)], MODULE_HE))
    return found


def total(stack: Stack, what: int) -> float:
    """Radiation lengths (0), interaction lengths (1) or loss in MeV (2) of a stack."""
    return sum(t * MATERIAL[m][2] if what == 2 else t / MATERIAL[m][what] for m, t in stack)


def moliere(stack: Stack) -> float:
    """Moliere radius of a stack taken as a mixture, mm."""
    thickness = sum(t for _, t in stack)
    inverse = sum(t / thickness * MATERIAL[m][3] / MATERIAL[m][0] for m, t in stack)
    return MULTIPLE_SCATTERING / inverse


def to_silicon(stacks: list[tuple[Stack, Stack]]) -> list[Stack]:
    """What lies before the silicon of each layer, from the middle of that of the layer before on.

    Modules stand one way in odd layers and turned round in even ones: the base plate of an odd layer lies behind its
    silicon, and showers meet it before that of the next layer.
    """
    found, behind = [], Stack()
    for front, module in stacks:
        silicon = [material for material, _ in module].index("Si")
        half = ("Si", module[silicon][1] / 2)
        found.append([*behind, *front, *module[:silicon], half])
        behind = [half, *module[silicon + 1 :]]
    return found


def main() -> None:
    """Write the table."""
    z, rows, stacks = 3210.5, [], layers()
    for number, ((front, module), before) in enumerate(zip(stacks, to_silicon(stacks), strict=True), start=1):
        # The two layers of a front cassette share its lead.
        first = (number - 1) // 2 * 2
        cassette = stacks[first : first + 2] if number <= FRONT_LAYERS else [(front, module)]
        radius = moliere([part for pair in cassette for parts in pair for part in parts])
        start = z + sum(t for _, t in front)
        silicon = [material for material, _ in module].index("Si")
        middle = start + sum(t for _, t in module[:silicon]) + 0.15
        amounts = [total(before, what) for what in range(3)]
        tile = start + TILE_FROM_MODULE
        share = SHARE_FRONT if number <= FRONT_LAYERS else SHARE_BACK
        rows.append((number, middle, *amounts, radius, share, tile))
        z = start + sum(t for _, t in module)
    lines = ["layer,z,radiation_lengths,interaction_lengths,loss,moliere_radius,share,tile_z"]
    lines += [f"{n},{m:.3f},{x:.4f},{i:.5f},{d:.4f},{r:.2f},{s:g},{t:.3f}" for n, m, x, i, d, r, s, t in rows]
    TARGET.write_text("\n".join(lines) + "\n")
    for name, half in (("front", rows[:FRONT_LAYERS]), ("back", rows[FRONT_LAYERS:])):
        print(name, f"{sum(r[2] for r in half):.1f} X0, {sum(r[3] for r in half):.2f} interaction lengths")
    print(f"last module ends at z = {z:.2f} mm")


if __name__ == "__main__":
    main()

"""Rebuild detector_geometries/trackml/sensors.parquet from the two public descriptions of the detector.

    python scripts/build_trackml_detector.py TRACKML_detectors.csv.gz ACTS_detectors.csv

The first is the table of the TrackML challenge, the second what ACTS writes for its Generic detector
(`acts.examples.CsvTrackingGeometryWriter`). They agree to 4 micrometres, the rounding of the first, so modules are
matched by position; positions and axes are taken from the second, which has more digits.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from scipy.spatial import cKDTree

from gnnreco.geometry.description.placement import AXES
from gnnreco.geometry.importers import import_detector
from gnnreco.geometry.importers.written import orthonormal

TARGET = Path(__file__).resolve().parents[1] / "detector_geometries" / "trackml" / "sensors.parquet"
PARTS = {7: "negative", 8: "barrel", 9: "positive"}
NAMES = {
    volume + step: f"{kind}_{part}"
    for step, kind in ((0, "pixel"), (5, "short_strip"))
    for volume, part in PARTS.items()
}
NAMES |= {16: "long_strip_negative", 17: "long_strip_barrel", 18: "long_strip_positive"}
KINDS = {
    (0.05, 8.4): "pixel",
    (0.08, 24.2): "short_strip_inner",
    (0.08, 32.2): "short_strip_middle",
    (0.08, 40.0): "short_strip_outer",
    (0.08, 24.0): "short_strip_barrel",
    (0.12, 64.2): "long_strip_inner",
    (0.12, 72.0): "long_strip_outer",
    (0.12, 24.0): "long_strip_barrel",
}


def main(trackml: Path, acts: Path) -> None:
    """Match the modules and write the table."""
    raw = pa.csv.read_csv(trackml)
    with tempfile.TemporaryDirectory() as folder:
        import_detector("trackml", trackml, Path(folder) / "trackml")
        table = pq.read_table(Path(folder) / "trackml" / "sensors.parquet")
    other = pa.csv.read_csv(acts)
    other = other.filter(pa.array(other["module_id"].to_numpy() > 0))
    here = np.stack([table[axis].to_numpy() for axis in "xyz"], axis=1)
    there = np.stack([other[f"c{axis}"].to_numpy() for axis in "xyz"], axis=1)
    distance, row = cKDTree(there).query(here)
    if distance.max() > 0.005 or len(set(row.tolist())) != len(row):
        raise SystemExit(f"the two tables are not of one detector: {distance.max():.4f} mm apart")
    rotation = np.stack([other[f"rot_{axis}"].to_numpy() for axis in AXES], axis=1).reshape(-1, 3, 3)[row]
    turned = np.abs(
        rotation.reshape(-1, 9) - np.stack([table[axis].to_numpy() for axis in AXES], axis=1)
    ).max()
    same = (other["module_id"].to_numpy()[row] == table["module_id"].to_numpy()).mean()
    rotation = orthonormal(rotation)
    kind = [
        KINDS[key] for key in zip(raw["pitch_u"].to_pylist(), raw["module_maxhu"].to_pylist(), strict=True)
    ]
    columns = {name: table[name] for name in table.column_names}
    columns |= {axis: pa.array(there[row, i]) for i, axis in enumerate("xyz")}
    columns |= {axis: pa.array(rotation[:, i // 3, i % 3]) for i, axis in enumerate(AXES)}
    columns["template"] = pa.array(kind).dictionary_encode()
    columns["subsystem"] = pa.array([NAMES[v] for v in table["volume_id"].to_pylist()]).dictionary_encode()
    columns["acts_geometry_id"] = other["geometry_id"].take(pa.array(row)).cast(pa.int64())
    for name in ("layer", "volume_id", "layer_id", "module_id", "sensor_id"):
        columns[name] = columns[name].cast(pa.int32())
    pq.write_table(
        pa.table(columns),
        TARGET,
        compression="zstd",
        compression_level=19,
        write_page_checksum=True,
        use_byte_stream_split=[*"xyz", *AXES],
        use_dictionary=["template", "subsystem", "volume_id", "layer_id", "layer"],
    )
    print(
        f"{len(row)} modules; farthest match {distance.max():.4f} mm; axes differ by {turned:.1e}; "
        f"{same:.1%} of module numbers agree; {TARGET.stat().st_size / 1e3:.0f} kB"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

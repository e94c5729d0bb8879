"""How much a file may ask for: every size that a file declares is held against one of these before memory goes.

Each is far above what a true detector, event or bundle needs. What a file asks for beyond it was made by mistake (a
wrong unit, a lost comma) or to fill the memory; the error names the file, the number and the limit.
"""

from __future__ import annotations

#: Cell numbers of one cell template: they are kept in 31 bits. Grids and hexagons by rule cost no memory.
CELLS = 2**31 - 1
#: Cells of one template that are kept one by one, as polygons.
DRAWN_CELLS = 2_000_000
#: Corners of all cells of one template together, each cell with as many as the largest has.
DRAWN_CORNERS = 40_000_000
#: Corners of one polygon: the outline of a sensor, a cell, the cells around one ring.
CORNERS = 10_000
#: Edges of cells along one direction, or rings of a polar sensor.
EDGES = 1_000_000
#: Length below which no cell, pitch or thickness is taken for one, mm.
SHORTEST = 1e-9
#: Cell templates of one detector.
TEMPLATES = 100_000
#: Sensors of one detector.
SENSORS = 5_000_000
#: Steps of all loops of one description together: each is looked at by itself.
STEPS = 200_000
#: Layers of one detector: many loops and tables hold one entry a layer.
LAYERS = 100_000
#: Candidate places of wafers that a rule looks at in one layer.
WAFERS = 250_000
#: Rows of one table of a detector (corners of cells, points of a field map).
ROWS = 20_000_000
#: Lengths, mm, and other numbers of a description: beyond it squares and products no longer fit.
NUMBER = 1e15

#: Bytes of one text file that is read whole (JSON, XML, YAML), and of one member of an archive once unpacked.
TEXT_BYTES = 256 << 20
#: Bytes of a ``detector.yaml``: nobody writes more by hand.
YAML_BYTES = 64 << 20
#: Elements of one XML description with all that it includes: each costs half a kilobyte.
ELEMENTS = 3_000_000
#: Values of one YAML file, its aliases written out.
YAML_VALUES = 2_000_000
#: Levels of a nested file: brackets in brackets, volumes in volumes.
DEPTH = 200
#: Digits of a whole number in a text; 64 bits need 20.
DIGITS = 40
#: Files that one file may include, directly or by those that it includes.
INCLUDES = 1000
#: Bytes that a compressed table may unpack to; and how many times its own size, once that is large.
UNPACKED_BYTES, UNPACKED_RATIO = 8 << 30, 100
#: Events of one file, and values (all columns together) of one row group of a Parquet file, which is read at once.
EVENTS, GROUP_VALUES = 5_000_000, 100_000_000
#: Members of an archive.
MEMBERS = 100_000

#: Bytes of a file of tensors: weights, examples, vectors.
TENSOR_BYTES = 4 << 30
#: Bytes of a scorer in ONNX: the one file of protobuf that it is holds 2 GiB at most.
SCORER_BYTES = 1 << 30
#: Size of a learned number: products of those of all layers of a network still fit into float32.
LEARNED = 1e9
#: Width of a layer of a network, its layers, rounds of its messages, neighbours that a node listens to.
WIDTH, LAYERS_OF_NETWORK, ROUNDS, NEIGHBOURS = 1024, 32, 64, 256
#: Slots of an input buffer of a trigger: each pair of them can be an edge.
SLOTS = 256
#: Bins of a window along a layer; pairs and triplets of an event that a graph may have.
BINS, CANDIDATES = 4096, 2_000_000_000
#: Tensors of one file, and dimensions of one tensor.
TENSORS, DIMENSIONS = 100_000, 8
#: Bytes of the manifest or the settings of a bundle or of what was deployed.
MANIFEST_BYTES = 16 << 20
#: Files of one deployed folder.
FILES = 10_000
#: Operations of a fixed-point program; numbers of one value of it for one event; numbers of all its weights.
OPERATIONS, VALUE_NUMBERS, WEIGHTS = 10_000, 1 << 20, 1 << 24
#: Integer or fractional bits of a fixed-point number: float64 holds 53 in all.
BITS = 64
#: Events that a deployed folder keeps as vectors.
VECTORS = 100_000
#: Bytes of files on other machines that one process keeps, and of one of them that is copied since it is not read in parts.
COPY_BYTES = 16 << 30

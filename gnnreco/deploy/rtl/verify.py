"""All that a folder of Verilog claims, proved again: report, vectors, sources, arithmetic, simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.deploy.folder import FolderManifest, versions
from gnnreco.deploy.program.check import check_program
from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.program.ports import Ports, ports_of
from gnnreco.deploy.program.program import Program
from gnnreco.deploy.program.symbols import CHEAPEST, FASTEST
from gnnreco.deploy.proof.checks import SOURCES, Check, check_files, confined, equal, parts
from gnnreco.deploy.simulator import make_testbench, simulate
from gnnreco.deploy.toolchain import package
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.files.json_file import parse_json
from gnnreco.files.json_types import JsonDict
from gnnreco.files.limits import VECTORS
from gnnreco.schema import build as build_settings

from .firmware import ANSWERS, INPUTS, IO, REPORT, facts, firmware_files
from .pipeline import Design, build, check_clock
from .vendor import SCRIPT, UTILISATION, read_report
from .xls import xls_answers

Inputs = tuple[Floats, NDArray | None]
LONGEST_LATENCY = 10_000  # clocks


@dataclass(frozen=True)
class Counted:
    """What a tool counted, or why not."""

    by: str
    not_run: str = ""
    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram: int = 0


@dataclass(frozen=True)
class Estimate:
    """What alkaid estimates."""

    by: str
    lut: int
    delay_ns: float


@dataclass(frozen=True)
class Report:
    """``report.json`` of a design, as far as it is proved."""

    name: str
    clock_ns: float
    latency_clocks: int
    adder_levels: int
    vectors: int
    estimate: Estimate
    synthesis: Counted


class Firmware:
    """A folder whose sums are right, and the checks of what it holds.

    Parameters
    ----------
    folder : path
    manifest, content
        See `gnnreco.deploy.folder.read_files`.
    extra : (n, [slots,] features), (n, slots), optional
        More inputs, as they come from the detector, besides the vectors.
    trust : bool
        Build sources that are not those of the program.

    Raises
    ------
    BadBundle
        If the folder holds no whole firmware.
    """

    def __init__(
        self,
        folder: Path,
        manifest: FolderManifest,
        content: Mapping[str, bytes],
        extra: Inputs | None = None,
        trust: bool = False,
    ) -> None:
        self.folder, self.manifest, self.content, self.trust = folder, manifest, content, trust
        self.program = Program.parse(content, folder)
        file = REPORT
        try:
            self.stated = parse_json(content[REPORT], REPORT)
            self.report = build_settings(Report, self.stated, others=True)
            check_clock(self.report.clock_ns)
            self.name = check_name(manifest.name)
            if self.report.adder_levels not in (CHEAPEST, FASTEST):
                raise BadConfig(f"setting 'adder_levels': must be {CHEAPEST} or {FASTEST}")
            if not 0 <= self.report.latency_clocks <= LONGEST_LATENCY:
                raise BadConfig(f"setting 'latency_clocks': must lie between 0 and {LONGEST_LATENCY:,}")
            file = IO
            self.ports: Ports = ports_of(parse_json(content[IO], IO), self.program)
            file = INPUTS
            self.given = content[INPUTS].decode("ascii").split()[: VECTORS + 1]
            self.x, self.valid = self.ports.unpack_inputs(self.given)
            file = ANSWERS
            self.said = content[ANSWERS].decode("ascii").split()
            self.said_values = self.ports.unpack_answers(self.said) / np.exp2(self.ports.answer.fraction)
        except KeyError as error:
            raise BadBundle(folder, f"holds no {error}; deploy the trained bundle again") from error
        except (BadConfig, BadInput, UnicodeDecodeError) as error:
            raise BadBundle(folder, f"{file}: {error}; deploy the trained bundle again") from error
        if not 0 < len(self.given) <= VECTORS or len(self.said) != len(self.given):
            why = f"{len(self.given):,} inputs and {len(self.said):,} answers; as many, up to {VECTORS:,}, are due"
            raise BadBundle(folder, f"vectors: {why}; deploy the trained bundle again")
        self.size = check_program(self.program)
        self.inputs = list(self.given)
        if extra is not None:
            x = self.program.ported(extra[0])
            self.inputs += self.ports.pack_inputs(x, extra[1])
            self.x = np.concatenate([self.x, x])
            self.valid = None if self.valid is None else np.concatenate([self.valid, np.asarray(extra[1])])
        self.answers = np.concatenate([self.program.answer(x, on) for x, on in self._parts()])
        self.expected = self.ports.pack_answers(self.answers)

    @property
    def vectors_as_given(self) -> tuple[Floats, NDArray | None, Floats]:
        """Vectors as numbers: what comes from the detector, which slots are filled, what the folder says."""
        n = len(self.given)
        x = self.x[:n] / np.exp2(self.program.fraction)
        return x, None if self.valid is None else self.valid[:n], self.said_values

    def checks(self) -> dict[str, Callable[[], Check]]:
        """Every check but those that all targets share, in order."""
        return {
            "vectors": self.vectors,
            "report": self.counted,
            SOURCES: self.sources,
            "alkaid": self.interpreter,
            "XLS": self.xls,
            "Verilator": self.verilator,
            "vendor": self.vendor,
        }

    def vectors(self) -> Check:
        """The program gives the answers of the vectors."""
        ok, detail = equal(self.answers[: len(self.given)].reshape(len(self.given), -1), self.said_values)
        return ok, f"answers of the program and of the vectors: {detail}"

    @cached_property
    def design(self) -> Design:
        """The design made again."""
        return build(self.program, self.name, self.report.clock_ns, self.report.adder_levels)

    def counted(self) -> Check:
        """The report says of the design what is so."""
        if not package("alkaid"):
            return None, "needs alkaid: pip install 'gnnreco[rtl]'"
        wanted = facts(self.design, self.name, self.report.clock_ns, len(self.given))
        wrong = [key for key, value in wanted.items() if self.stated.get(key) != value]
        if wrong:
            key = wrong[0]
            return False, f"{key} is {wanted[key]!r}, not {str(self.stated.get(key))[:80]!r}"
        return True, f"latency {self.design.latency} clocks, registers and estimate are those of the design"

    @cached_property
    def same(self) -> Check:
        """Whether all files are those that the program gives."""
        made = firmware_files(self.program, self.design, self.name, self._report())
        kept = {f: data for f, data in self.content.items() if f not in (INPUTS, ANSWERS, REPORT)}
        return check_files(kept, made, self.manifest.made_with, versions("alkaid"), self.trust)

    def sources(self) -> Check:
        """Verilog, testbench and scripts are what the program gives."""
        if not package("alkaid"):
            return None, "needs alkaid to be made again: pip install 'gnnreco[rtl]'; nothing is built"
        return self.same

    def interpreter(self) -> Check:
        """The logic run by alkaid's interpreter."""
        if not package("alkaid"):
            return None, "needs alkaid: pip install 'gnnreco[rtl]'"
        return self._compared(np.concatenate([self.design.logic.predict(part) for part in self._values()]))

    def xls(self) -> Check:
        """The logic compiled by XLS."""
        if not (package("alkaid") and package("xls-python")):
            return None, "needs alkaid and xls-python: pip install 'gnnreco[rtl]'"
        values = np.concatenate(list(self._values()))
        return self._compared(xls_answers(self.program, values, self.report.adder_levels))

    def verilator(self) -> Check:
        """The Verilog, clock by clock, an event in each: that which was made again, or else the folder's own on trust."""
        if not package("alkaid") or self.same[0] is False:
            return None, "not built: see sources"
        sources = self.design.sources
        if not self.same[0]:
            sources = {Path(f).name: d.decode() for f, d in self.content.items() if f.startswith("src/")}
        latency = self.design.latency if self.same[0] else self.report.latency_clocks
        bench = make_testbench(self.name, self.ports, latency, self.report.clock_ns)
        done = simulate(sources, bench, self.inputs, self.expected)
        measured = done.latency(self.expected)
        bits = len(self.inputs) * self.ports.widths["answer"]
        return done.verdict.startswith("PASS") and measured == latency, (
            f"{done.verdict}; measured latency {measured} clocks, an event each clock; {bits:,} bits; "
            f"Verilator {done.version}: built in {done.build_s:.0f} s, run in {done.run_s:.1f} s, {confined()}"
        )

    def vendor(self) -> Check:
        """What the vendor's tool said, where somebody ran it."""
        reports = self.folder / "vendor"
        if not (reports / UTILISATION).exists():
            return None, f"{SCRIPT} has not been run"
        found = read_report(reports, self.report.clock_ns)
        cells = "{lut:,} LUTs, {ff:,} registers, {dsp} DSPs, {bram:g} block RAMs".format(**found)
        return bool(
            found["meets_timing"]
        ), f"{found['by']}: slack {found['slack_ns']} ns at {self.report.clock_ns:g} ns; {cells}"

    def _report(self) -> JsonDict:
        """The report with its facts made again; what Yosys counted is as the folder says."""
        synthesis = asdict(self.report.synthesis)
        if self.report.synthesis.not_run:
            synthesis = {"by": synthesis["by"], "not_run": synthesis["not_run"]}
        return facts(self.design, self.name, self.report.clock_ns, len(self.given)) | {"synthesis": synthesis}

    def _parts(self) -> Iterator[tuple[Ints, Floats | None]]:
        """What goes in, some thousand events at a time."""
        for chosen in parts(len(self.x), self.size):
            yield self.x[chosen], None if self.valid is None else self.valid[chosen]

    def _values(self) -> Iterator[Floats]:
        """The same as numbers, one row for each event."""
        for x, valid in self._parts():
            values = (x / np.exp2(self.program.fraction)).reshape(len(x), -1)
            yield values if valid is None else np.concatenate([values, valid], axis=1)

    def _compared(self, answers: Floats) -> Check:
        return equal(answers.reshape(len(answers), -1), self.answers.reshape(len(self.answers), -1))

"""All that a firmware folder claims, proved again: sums, sources, arithmetic, simulation, the trained network behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.deploy.firmware import ANSWERS, INPUTS, IO, REPORT, Progress
from gnnreco.deploy.folder import program_files, program_of, read_files
from gnnreco.deploy.names import check_name
from gnnreco.deploy.ports import Ports, ports_of
from gnnreco.deploy.program import Program
from gnnreco.deploy.provenance import find_trained
from gnnreco.deploy.rtl import Design, build
from gnnreco.deploy.simulator import check_sources, make_testbench, simulate
from gnnreco.deploy.toolchain import package
from gnnreco.deploy.vendor import SCRIPT, UTILISATION, read_report
from gnnreco.errors import BadBundle, GnnrecoError, MissingTool

PART = 4096  # events
Check = tuple[bool | None, str]  # None: could not be made here


def verify_firmware(
    folder: Path,
    extra: tuple[Floats, NDArray | None] | None = None,
    trained: Program | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Prove a firmware again, from its folder alone.

    Parameters
    ----------
    folder : path
    extra : (n, [slots,] features), (n, slots), optional
        More inputs, as they come from the detector, besides the vectors.
    trained : Program, optional
        Of the trained bundle that it claims to be; without, that bundle is looked for where it was.
    progress : callable
        Told what is checked, of how many checks.

    Returns
    -------
    dict
        ``ok``: all that could be checked is right; ``rows``: ``check, ok, detail`` of each, ``ok`` None where a tool is
        missing; ``events``; ``latency_clocks``.

    Raises
    ------
    BadBundle
        If a sum differs: then nothing in the folder is looked at any further.
    """
    manifest, content = read_files(folder)
    firmware = _Firmware(folder, manifest, content, extra)
    checks: dict[str, Callable[[], Check]] = {
        "sums": lambda: (True, f"{len(content)} files are what was written"),
        "trained network": lambda: firmware.trained(trained),
        "vectors": firmware.vectors,
        "sources": firmware.sources,
        "alkaid": firmware.interpreter,
        "XLS": firmware.xls,
        "Verilator": firmware.verilator,
        "vendor": firmware.vendor,
    }
    rows = []
    for number, (what, check) in enumerate(checks.items()):
        if progress:
            progress(what, number, len(checks))
        try:
            ok, detail = check()
        except (MissingTool, ModuleNotFoundError) as error:
            ok, detail = None, str(error)
        except GnnrecoError as error:
            ok, detail = False, str(error)
        rows.append({"check": what, "ok": ok, "detail": detail})
        if ok is False and what == "sources":
            break  # such Verilog is not built
    if progress:
        progress("verified", len(checks), len(checks))
    return {
        "ok": all(row["ok"] is not False for row in rows),
        "rows": rows,
        "name": firmware.name,
        "events": len(firmware.inputs),
        "latency_clocks": firmware.latency,
    }


class _Firmware:
    """A folder whose sums are right, and the checks of what it holds."""

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        content: Mapping[str, bytes],
        extra: tuple[Floats, NDArray | None] | None,
    ) -> None:
        self.folder = folder
        try:
            report = json.loads(content[REPORT])
            self.provenance = dict(manifest["provenance"])
            self.name = check_name(str(manifest["name"]))
            self.latency, self.clock_ns = int(report["latency_clocks"]), float(report["clock_ns"])
            self.levels, self.by = int(report["adder_levels"]), str(manifest["made_with"]["alkaid"])
            self.ports: Ports = ports_of(json.loads(content[IO]))
            texts = {f: data.decode("ascii") for f, data in content.items() if f.endswith((".v", ".hex"))}
            self.code = {Path(f).name: text for f, text in texts.items() if f.startswith("src/")}
            self.given, self.said = texts[INPUTS].split(), texts[ANSWERS].split()
        except (KeyError, TypeError, ValueError) as error:
            raise BadBundle(folder, f"is no whole firmware: {error!r}") from error
        self.program = program_of(content, folder)
        self.inputs = list(self.given)
        if extra is not None:
            self.inputs += self.ports.pack_inputs(self.program.ported(extra[0]), extra[1])
        self.x, self.valid = self.ports.unpack_inputs(self.inputs)
        parts = [self.program.answer(x, on) for x, on in self._parts()]
        self.answers = np.concatenate(parts)
        self.expected = self.ports.pack_answers(self.answers)
        self._design: Design | None = None

    def trained(self, program: Program | None) -> Check:
        """The program is that of the trained bundle."""
        program = program or find_trained(self.provenance)
        if program is None:
            return (
                None,
                f"bundle '{self.provenance.get('bundle', '?')}' is not where it was, and none is given",
            )
        same = program_files(program) == program_files(self.program)
        return (
            same,
            "every weight and format is that of the bundle" if same else "differs from that of the bundle",
        )

    def vectors(self) -> Check:
        """The program gives the answers of the vectors."""
        wrong = sum(a != b for a, b in zip(self.said, self.expected)) + abs(len(self.said) - len(self.given))
        return (
            wrong == 0,
            f"{len(self.given) - wrong:,} of {len(self.given):,} answers of the program are those of the vectors",
        )

    def sources(self) -> Check:
        """The Verilog only computes, and is what the program gives."""
        check_sources(self.code)
        if package("alkaid") != self.by:
            return (
                None,
                f"made with alkaid {self.by}, here is {package('alkaid') or 'none'}; only looked through",
            )
        same = self.design.sources == self.code
        return same, "the program gives the same Verilog" if same else "the program gives other Verilog"

    @property
    def design(self) -> Design:
        """The design made again."""
        if self._design is None:
            self._design = build(self.program, self.name, self.clock_ns, self.levels)
        return self._design

    def interpreter(self) -> Check:
        """The logic run by alkaid's interpreter."""
        if not package("alkaid"):
            return None, "needs alkaid: pip install 'gnnreco[rtl]'"
        return self._same(np.concatenate([self.design.logic.predict(part) for part in self._values()]))

    def xls(self) -> Check:
        """The logic compiled by XLS, which shares nothing with a simulator of Verilog."""
        if not (package("alkaid") and package("xls-python")):
            return None, "needs alkaid and xls-python: pip install 'gnnreco[rtl]'"
        from alkaid.codegen.xls import XLSModel

        model = XLSModel(self.design.logic, self.name).jit()
        out = np.concatenate([model.predict(part) for part in self._values()])
        return self._same(out.reshape(len(self.inputs), -1))

    def verilator(self) -> Check:
        """The Verilog of the folder, clock by clock, an event in each."""
        check_sources(self.code)
        bench = make_testbench(self.name, self.ports, self.latency, self.clock_ns)
        done = simulate(self.code, bench, self.inputs, self.expected)
        latency = done.latency(self.expected)
        passed = done.verdict.startswith("PASS") and latency == self.latency
        bits = len(self.inputs) * self.ports.widths["answer"]
        return passed, (
            f"{done.verdict}; measured latency {latency} clocks, an event each clock; {bits:,} bits; "
            f"Verilator {done.version}: built in {done.build_s:.0f} s, run in {done.run_s:.1f} s"
        )

    def vendor(self) -> Check:
        """What the vendor's tool said, where somebody ran it."""
        reports = self.folder / "vendor"
        if not (reports / UTILISATION).exists():
            return None, f"{SCRIPT} has not been run"
        found = read_report(reports, self.clock_ns)
        cells = "{lut:,} LUTs, {ff:,} registers, {dsp} DSPs, {bram:g} block RAMs".format(**found)
        return bool(
            found["meets_timing"]
        ), f"{found['by']}: slack {found['slack_ns']} ns at {self.clock_ns:g} ns; {cells}"

    def _parts(self) -> Iterator[tuple[Ints, Floats | None]]:
        """What goes in, some thousand events at a time: every step of a program keeps its numbers."""
        for start in range(0, len(self.inputs), PART):
            chosen = slice(start, start + PART)
            yield self.x[chosen], None if self.valid is None else self.valid[chosen]

    def _values(self) -> Iterator[Floats]:
        """The same as numbers, one row for each event."""
        for x, valid in self._parts():
            values = (x / np.exp2(self.program.fraction)).reshape(len(x), -1)
            yield values if valid is None else np.concatenate([values, valid], axis=1)

    def _same(self, answers: Floats) -> Check:
        wrong = int((answers != self.answers.reshape(len(answers), -1)).any(axis=1).sum())
        return wrong == 0, f"{len(answers) - wrong:,} of {len(answers):,} events are equal in every bit"

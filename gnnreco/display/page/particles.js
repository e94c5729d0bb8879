// Found particles, jets and missing momentum: arrows on the flat canvas above the picture, and what each is made of.
const flow = event?.flow ?? null, nFlow = flow?.count ?? 0;
const FLOW_INKS = { // by class, safe for colour-blind readers; neutral ones are dashed besides
  dark: ["#e8edf5", "#56b4e9", "#f0e442", "#3fc9a0", "#ff6a2b"], light: ["#303a48", "#0072b2", "#b8860b", "#00875f", "#d55e00"],
};
const FLOW_DASH = [[], [9, 5], [3, 4], [], []];
const flowName = k => flow.classes[k].replaceAll("_", " ");
for (const name of flow?.classes ?? []) state.show[name] = true;
const loudest = [D.q_energy, D.j_energy].reduce((most, all) => (all ?? []).reduce((m, v) => Math.max(m, v), most), 1);
const reach = energy => 0.62 * radius * Math.log1p(energy) / Math.log1p(loudest); // mm, of an arrow
const triple = (array, i) => [...array.subarray(3 * i, 3 * i + 3)];
const away = (direction, energy) => direction.map(v => v * reach(energy));
const ofFlow = (name, i) => D[`q_${name}`].subarray(D[`q_${name}_offsets`][i], D[`q_${name}_offsets`][i + 1]);
const missing = flow ? Math.hypot(...flow.missing) : 0;
const missingEnd = () => away([flow.missing[0] / (missing || 1), flow.missing[1] / (missing || 1), 0], missing);

let parts = { tracks: new Set(), clusters: new Set(), hits: new Set() }; // of the chosen particle
function choosePart(i) {
  state.particle = i;
  parts = Object.fromEntries(["tracks", "clusters", "hits"].map(name => [name, new Set(i < 0 ? [] : ofFlow(name, i))]));
}
const holder = name => { // the particle that holds a track or a cluster
  const of = new Map();
  for (let i = 0; i < nFlow; i++) for (const row of ofFlow(name, i)) of.set(row, i);
  return of;
};
const heldTracks = holder("tracks"), heldClusters = holder("clusters");

const jetRing = i => { // points of the circle at the end of a jet's cone, of its radius in eta and phi
  const axis = triple(D.j_direction, i), far = reach(D.j_energy[i]), open = Math.min(0.6, flow.radius * Math.hypot(axis[0], axis[1]));
  const side = Math.abs(axis[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0], cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const raw = cross(axis, side), u = raw.map(v => v / Math.hypot(...raw)), w = cross(axis, u);
  return Array.from({ length: 25 }, (_, k) => { const t = 2 * Math.PI * k / 24; return axis.map((v, a) => far * (v + Math.tan(open) * (u[a] * Math.cos(t) + w[a] * Math.sin(t)))); });
};

function drawFlow(pen, size) {
  const start = flow && project([0, 0, 0], size);
  if (!start) return;
  const some = state.particle >= 0, inks = FLOW_INKS[state.theme];
  const arrow = (end, ink, width, dash, alpha) => {
    const at = project(end, size);
    if (!at) return;
    const angle = Math.atan2(at[1] - start[1], at[0] - start[0]), head = 3 + 2 * width;
    Object.assign(pen, { strokeStyle: ink, fillStyle: ink, lineWidth: width, globalAlpha: alpha });
    pen.setLineDash(dash);
    pen.beginPath(); pen.moveTo(...start); pen.lineTo(...at); pen.stroke();
    pen.setLineDash([]);
    pen.beginPath(); pen.moveTo(...at);
    for (const turn of [2.7, -2.7]) pen.lineTo(at[0] + head * Math.cos(angle + turn), at[1] + head * Math.sin(angle + turn));
    pen.fill();
  };
  pen.save();
  if (state.show.jets) for (let i = 0; i < flow.jets; i++) {
    const ring = jetRing(i).map(p => project(p, size));
    if (ring.some(p => !p)) continue;
    Object.assign(pen, { strokeStyle: css("--on"), lineWidth: 1.4, globalAlpha: some ? 0.25 : 0.8 });
    pen.beginPath(); ring.forEach((p, k) => k ? pen.lineTo(...p) : pen.moveTo(...p));
    for (const k of [0, 6, 12, 18]) { pen.moveTo(...start); pen.lineTo(...ring[k]); }
    pen.stroke();
  }
  for (let i = 0; i < nFlow; i++) {
    const k = D.q_class[i], chosen = i === state.particle;
    if (chosen || state.show[flow.classes[k]]) arrow(away(triple(D.q_direction, i), D.q_energy[i]), inks[k], chosen ? 3.2 : 1.5, FLOW_DASH[k], some && !chosen ? 0.25 : 0.95);
  }
  if (state.show.missing && missing > 0) {
    arrow(missingEnd(), inks[4], 2.6, [12, 6], some ? 0.25 : 0.9);
    const at = project(missingEnd(), size);
    pen.globalAlpha = 0.9;
    if (at) pen.fillText(`missing pT ${figure(missing, 3)} GeV`, at[0] + 8, at[1] - 6);
  }
  pen.restore();
}

function flowUnder(x, y, size) { // the arrow under the cursor, which must not be where all arrows begin
  const start = flow && project([0, 0, 0], size);
  if (!start) return null;
  let best = null, least = 4.5;
  const near = (end, what) => {
    const at = project(end, size);
    if (!at) return;
    const [dx, dy] = [at[0] - start[0], at[1] - start[1]], share = ((x - start[0]) * dx + (y - start[1]) * dy) / Math.max(1e-9, dx * dx + dy * dy);
    const far = Math.hypot(x - start[0] - share * dx, y - start[1] - share * dy);
    if (share > 0.2 && share < 1.03 && far < least) { least = far; best = what; }
  };
  for (let i = 0; i < nFlow; i++) if (state.show[flow.classes[D.q_class[i]]]) near(away(triple(D.q_direction, i), D.q_energy[i]), { kind: "particle", index: i });
  if (state.show.missing && missing > 0) near(missingEnd(), { kind: "missing", index: 0 });
  if (!best && state.show.jets) for (let i = 0; i < flow.jets; i++) {
    if (jetRing(i).some(p => { const at = project(p, size); return at && Math.hypot(at[0] - x, at[1] - y) < 6; })) best = { kind: "jet", index: i };
  }
  return best;
}

function describeFlow(i) {
  const list = rows => rows.length ? [...rows].slice(0, 12).join(", ") + (rows.length > 12 ? ", …" : "") : "none", n = flow.classes.length;
  const out = [["Energy", `${figure(D.q_energy[i])} ± ${figure(D.q_energy_sigma[i], 2)} GeV`], ["pT", `${figure(D.q_pt[i])} GeV`], ["η, φ", `${figure(D.q_eta[i], 3)}, ${figure(D.q_phi[i], 3)}`], ["Mass", `${figure(D.q_mass[i], 3)} GeV`], ["Charge", figure(D.q_charge[i])], ["Score", figure(D.q_score[i], 3)]];
  [...D.q_class_probability.subarray(n * i, n * i + n)].forEach((p, k) => { if (p >= 0.005) out.push([flowName(k), `${(100 * p).toFixed(1)} %`]); });
  out.push(["Made of tracks", list(ofFlow("tracks", i))], ["Made of clusters", list(ofFlow("clusters", i))]);
  if (ofFlow("hits", i).length) out.push(["And hits alone", many(ofFlow("hits", i).length)]);
  return { title: `Found particle ${i}: ${flowName(D.q_class[i])}`, rows: out };
}
const describeJet = i => ({ title: `Jet ${i}`, rows: [["pT", `${figure(D.j_pt[i])} GeV`], ["Energy", `${figure(D.j_energy[i])} GeV`], ["Mass", `${figure(D.j_mass[i])} GeV`], ["Found by", `anti-kt, R = ${flow.radius}`]] });
const describeMissing = () => ({ title: "Missing transverse momentum", rows: [["px, py", `${flow.missing.map(v => figure(v, 3)).join(", ")} GeV`], ["Size", `${figure(missing)} GeV`]] });

function buildFlow() {
  panel.append(make("h2", {}, "Particles"));
  flow.classes.forEach((name, k) => {
    const n = D.q_class.reduce((sum, c) => sum + (c === k), 0);
    panel.append(toggle(name, mark(FLOW_DASH[k].length ? "dash" : "", () => FLOW_INKS[state.theme][k]), () => n, flowName(k)[0].toUpperCase() + flowName(k).slice(1)));
  });
  if (flow.without_jets) panel.append(make("p", { className: "sub" }, flow.without_jets + "."));
  else panel.append(toggle("jets", mark("", () => css("--on")), () => flow.jets, `Jets, pT above ${flow.least} GeV`));
  panel.append(toggle("missing", mark("dash", () => FLOW_INKS[state.theme][4]), null, `Missing pT, ${figure(missing, 3)} GeV`));
}

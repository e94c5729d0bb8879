// The panel, the tip under the cursor, the card of what was clicked. Text is set as text, never as HTML.
function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  const { css: style, ...rest } = props;
  Object.assign(node, rest);
  Object.assign(node.style, style);
  node.append(...children);
  return node;
}
const many = n => n.toLocaleString("en");
const figure = (v, digits = 4) => Number.isFinite(v) ? String(+v.toPrecision(digits)) : "–";
const panel = document.getElementById("panel"), tip = document.getElementById("tip"), card = document.getElementById("card");
const LABELS = { matched: "Found, matched", duplicate: "Found, duplicate", fake: "Found, fake", found: "Found tracks",
  true: "True, found", missed: "True, missed", generated: "True particles", onTrack: "Hits on found tracks",
  unassigned: "Hits on none", noise: "Noise hits", fired: "Cells with a signal", grow: "Size by energy" };
const MEANS = { matched: event?.match.rule ?? "", duplicate: "A matched track whose particle has a better one",
  fake: "No particle matches", true: "Particles with a matched track, target or not", missed: "Target particles that no track matches",
  noise: "Hits that no particle made", unassigned: "Hits of no found track", generated: "Particles with at least 3 hits that are no target" };
const live = []; // functions that bring a part of the panel up to date

function toggle(key, mark, count, label = LABELS[key]) {
  const input = make("input", { type: "checkbox", checked: state.show[key], onchange() { set(key, input.checked); } });
  const number = make("span", { className: "count" });
  live.push(() => { input.checked = state.show[key]; if (count) number.textContent = many(count()); mark?.paint(); });
  return make("label", { className: "row", title: MEANS[key] ?? "" }, input, ...(mark ? [mark] : []), make("span", { className: "name" }, label), number);
}
function mark(kind, colour) {
  const node = make("span", { className: "mark " + kind });
  node.paint = () => { node.style[kind === "dot" || kind === "box" ? "background" : "borderColor"] = colour(); };
  return node;
}
function slider(label, key, { min, max, step, say, from = v => v, to = v => v }) {
  const value = make("span", { className: "count" });
  const input = make("input", { type: "range", min, max, step, oninput() { set(key, to(+input.value)); } });
  live.push(() => { input.value = from(state[key]); value.textContent = say(state[key]); });
  return make("div", { className: "slide" }, make("span", {}, label), value, input);
}

function buildPanel() {
  panel.append(make("h1", {}, about.heading || (event ? `Event ${event.number}` : detector.name)));
  const told = event ? [detector.name, `${many(nHits)} hits`] : [`${many(nSensors)} sensors`, `${many(detector.layers)} layers`];
  panel.append(make("p", { className: "sub" }, told.join(" · "), ...(event ? [make("br"), event.source.split("/").slice(-2).join("/")] : [])));
  if (strange) buildStrange();
  if (flow) buildFlow();
  if (event) buildTracks();
  buildEnergy();
  buildDetector();
  panel.append(make("p", { className: "help" }, "Drag to turn, Shift-drag or right-drag to move, wheel to zoom, click to select, double-click to see all. Keys: 1 2 3 4 views, [ ] one layer after the other, L theme, Esc clear."));
}

function buildTracks() {
  const kinds = event.truth ? (event.tracks ? ["matched", "duplicate", "fake", "true", "missed", "generated"] : ["generated"]) : event.tracks ? ["found"] : [];
  const counted = status => () => { let n = 0; for (let t = 0; t < nTracks; t++) n += trackStatus(t) === status && passes(t); return n; };
  if (kinds.length) panel.append(make("h2", {}, "Tracks"));
  for (const key of kinds) {
    const status = STATUS.indexOf(key);
    if (key === "generated" && event.tracks && !D.p_status.includes(status)) continue;
    panel.append(toggle(key, mark(key === "missed" || key === "true" ? "dash" : "", () => inks().tracks[status]), counted(status)));
  }
  const all = event.match;
  if (all.target) panel.append(make("p", { className: "sub", id: "match" }, `${many(all.found)} of ${many(all.particles)} target particles found, ${many(all.fakes)} fakes and ${many(all.duplicates)} duplicates in ${many(all.tracks)} tracks. Target: charged, ${all.target}. As gnnreco evaluate counts, row “acts, all tracks”.`));
  if (kinds.length) {
    const steps = [0, ...Array.from({ length: 60 }, (_, i) => 0.1 * 1000 ** (i / 59))];
    const nearest = v => steps.reduce((best, s, i) => Math.abs(s - v) < Math.abs(steps[best] - v) ? i : best, 0);
    panel.append(slider("pT above", "pt", { min: 0, max: 60, step: 1, from: nearest, to: i => +steps[i].toPrecision(2), say: v => `${v} GeV` }));
    if (nTrue) panel.append(slider("True tracks with hits", "hits", { min: 3, max: 20, step: 1, say: v => `≥ ${v}` }));
    const choose = make("select", { onchange() { set("colour", choose.value); } }, make("option", { value: "status" }, "Colour by match"), make("option", { value: "pt" }, "Colour by pT"));
    const ramp = make("div", { className: "ramp" }), low = make("span"), ends = make("div", { className: "ends" }, low, make("span", {}, `${HIGH_PT} GeV`));
    live.push(() => { choose.value = state.colour; low.textContent = `${lowPt()} GeV`; ramp.hidden = ends.hidden = state.colour !== "pt"; ramp.style.background = `linear-gradient(90deg, ${inks().pt.join(",")})`; });
    const find = make("input", { type: "search", id: "search", placeholder: nTrue ? "Track number or particle id" : "Track number", css: { marginTop: "8px" }, onchange() { search(find.value); } });
    panel.append(choose, ramp, ends, find);
  }
  panel.append(make("h2", {}, "Hits"));
  const ofKind = Array(4).fill(0);
  for (const kind of D.h_kind) ofKind[kind]++;
  const dots = { onTrack: () => inks().tracks[MATCHED], unassigned: () => inks().free, noise: () => inks().noise };
  HIT_KINDS.forEach((key, kind) => {
    if (key === "onTrack" && !event.tracks || key === "noise" && !event.truth) return;
    const label = key === "unassigned" && !event.tracks ? (event.truth ? "Hits of particles" : "Hits") : LABELS[key];
    panel.append(toggle(key, mark("dot", dots[key]), () => ofKind[kind], label));
  });
  panel.append(slider("Size", "size", { min: 0.4, max: 3, step: 0.1, say: v => `× ${v.toFixed(1)}` }));
  for (const [n, text] of [[event.nowhere, "hits without a finite position are not drawn"], [event.outside, "hits lie in no sensor"]]) {
    if (n) panel.append(make("p", { className: "sub" }, `${many(n)} ${text}.`));
  }
}

function rampRow(ends) { // a colour scale with its ends, which may change
  const bar = make("div", { className: "ramp" }), low = make("span"), high = make("span"), row = make("div", { className: "ends" }, low, high);
  live.push(() => {
    const now = ends();
    bar.hidden = row.hidden = !now;
    if (now) [low.textContent, high.textContent] = now;
    bar.style.background = `linear-gradient(90deg, ${inks().pt.join(",")})`;
  });
  return [bar, row];
}
function choice(key, options) {
  const select = make("select", { onchange() { set(key, select.value); } }, ...options.map(([value, text]) => make("option", { value }, text)));
  live.push(() => { select.value = state[key]; });
  return select;
}
function joule(v) { // an energy in GeV in the unit that suits it
  const [unit, text] = [[1, "GeV"], [1e-3, "MeV"], [1e-6, "keV"], [1e-9, "eV"]].find(([unit]) => Math.abs(v) >= 0.5 * unit) ?? [1, "GeV"];
  return `${figure(v / unit, 3)} ${text}`;
}
const unit = () => event ? joule : (v => `${figure(v, 2)} hits`);

function buildEnergy() { // cells with a signal: of the event, or how often they fire
  const some = nCells || charged.includes(1);
  if (!some) return;
  panel.append(make("h2", {}, event ? "Energy" : `Occupancy, ${many(about.occupancy.events)} events`));
  if (!event) panel.append(make("p", { className: "sub" }, `${figure(about.occupancy.hits)} hits an event; ${many(about.occupancy.fired)} cells fired${about.occupancy.fired > nCells ? `, the ${many(nCells)} that fire most are drawn` : ""}.`));
  if (nCells) panel.append(toggle("fired", null, () => nCells));
  panel.append(toggle("grow", null, null, event ? "Size by energy" : "Size by signal"));
  if (event) {
    const options = [["energy", "Colour by energy"]];
    if (event.clusters) options.push(["cluster", `Colour by cluster (${many(event.clusters.count)})`]);
    if (event.truth) options.push(["particle", "Colour by particle"]);
    panel.append(choice("paint", options));
  }
  panel.append(...rampRow(() => state.paint === "energy" && !lit() && span.map(unit())));
  const steps = [0, ...Array.from({ length: 60 }, (_, i) => span[0] * (span[1] / span[0]) ** (i / 60))];
  const nearest = v => steps.reduce((best, s, i) => Math.abs(s - v) < Math.abs(steps[best] - v) ? i : best, 0);
  panel.append(slider("Above", "least", { min: 0, max: 60, step: 1, from: nearest, to: i => steps[i], say: unit() }));
}

function buildDetector() {
  panel.append(make("h2", {}, "Detector"));
  panel.append(toggle("outlines", null, null, "Outlines"), toggle("faces", null, null, "Faces"), toggle("cut", null, null, "Cut away the near half"));
  if (detector.templates.some(t => t.kind)) panel.append(toggle("cells", null, null, "Cells where large enough"));
  const shades = [["subsystem", "Sensors by subsystem"], ...Object.entries(SHADES).filter(([, [, values]]) => values()?.some(v => v > 0)).map(([key, [text]]) => [key, `Sensors by ${text[0].toLowerCase()}${text.slice(1)}`])];
  panel.append(choice("shade", shades), ...rampRow(() => state.shade in SHADES && shadeRange().map(v => figure(v, 2))));
  const now = make("span", { className: "count" });
  live.push(() => { now.textContent = state.solo < 0 ? "all" : `layer ${state.solo}`; });
  if (detector.layers > 1) panel.append(make("div", { className: "step" }, "One layer", make("button", { className: "chip", title: "Previous layer ([)", onclick: () => solo(-1) }, "‹"), now, make("button", { className: "chip", title: "Next layer (])", onclick: () => solo(1) }, "›"), make("button", { className: "chip", onclick: () => solo(0) }, "all")));
  panel.append(slider("Brightness", "glass", { min: 0, max: 4, step: 0.1, say: v => `× ${v.toFixed(1)}` }));
  const inSubsystem = detector.subsystems.map(() => new Map());
  for (let i = 0; i < nSensors; i++) {
    const layers = inSubsystem[D.s_subsystem[i]];
    layers.set(D.s_layer[i], (layers.get(D.s_layer[i]) ?? 0) + 1);
  }
  detector.subsystems.forEach((subsystem, s) => {
    const layers = [...inSubsystem[s].keys()].sort((a, b) => a - b);
    if (!layers.length) return;
    const sensors = layers.reduce((sum, layer) => sum + inSubsystem[s].get(layer), 0);
    const input = make("input", { type: "checkbox", onchange() { for (const layer of layers) state.layers[layer] = input.checked ? 1 : 0; refresh(); } });
    const swatch = mark("box", () => hues()[subsystem.hue % HUES]);
    live.push(() => { input.checked = layers.some(layer => state.layers[layer]); swatch.paint(); });
    panel.append(make("label", { className: "row", title: `${subsystem.name}: ${subsystem.measures}` }, input, swatch, make("span", { className: "name" }, subsystem.name), make("span", { className: "count" }, many(sensors))));
    const chips = make("div", { className: layers.length > 24 ? "chips tight" : "chips" }, ...layers.map(layer => {
      const chip = make("button", { className: "chip", title: `layer ${layer}: ${many(inSubsystem[s].get(layer))} sensors; Alt-click: this layer only`, onclick(e) { if (e.altKey) return only(layer); state.layers[layer] ^= 1; state.solo = -1; refresh(); } }, String(layer));
      live.push(() => chip.classList.toggle("on", !!state.layers[layer]));
      return chip;
    }));
    panel.append(chips);
  });
}
function only(layer) { // show one layer alone; -1: all
  state.solo = layer;
  state.layers.fill(layer < 0 ? 1 : 0);
  if (layer >= 0) state.layers[layer] = 1;
  refresh();
}
function solo(step) { // to the next layer, the previous one, or all
  const n = detector.layers;
  only(step === 0 ? -1 : state.solo < 0 ? (step > 0 ? 0 : n - 1) : (state.solo + step + n) % n);
}

function describe({ kind, index, cell }) { // title and rows of what is under the cursor
  if (kind === "hit") return event ? describeHit(index) : describeFired(index);
  if (kind === "cluster") return describeCluster(index);
  if (kind === "sensor") return describeSensor(index, cell);
  if (kind === "particle") return describeFlow(index);
  if (kind === "jet") return describeJet(index);
  if (kind === "missing") return describeMissing();
  return index < nFound ? describeFound(index) : describeParticle(index - nFound);
}
const placeOf = new Map();
for (let i = 0; i < nSensors; i++) placeOf.set(D.s_row[i], i);
function where(i) {
  return [["Layer", `${D.s_layer[i]} of ${detector.subsystems[D.s_subsystem[i]].name}`], ["Sensor", many(D.s_row[i])]];
}
function describeHit(i) {
  const at = placeOf.get(D.h_sensor[i]), [x, y, z] = D.h_xyz.subarray(3 * i, 3 * i + 3), p = D.h_particle[i];
  const out = [["x, y, z", `${[x, y, z].map(v => v.toFixed(2)).join(", ")} mm`], ["ρ", `${Math.hypot(x, y).toFixed(2)} mm`], ...(at === undefined ? [["Sensor", "none"]] : where(at))];
  if (D.h_time) out.push(["Time", `${figure(D.h_time[i])} ns`]);
  if (D.h_energy) out.push(["Energy", joule(D.h_energy[i])]);
  if (event.truth) out.push(["Particle", p < 0 ? "none (noise)" : `${D.p_id[p]}${D.h_particles[i] > 1 ? ` and ${D.h_particles[i] - 1} more` : ""}`]);
  if (p >= 0) out.push(["", `pT ${figure(D.p_pt[p], 3)} GeV, η ${figure(D.p_eta[p], 3)}`]);
  if (gives(i) > 0) out.push(["Gives to the score", figure(gives(i), 3)]);
  if (event.clusters) out.push(["Cluster", D.h_cluster[i] < 0 ? "none" : `${D.h_cluster[i]} of ${figure(D.k_energy[D.h_cluster[i]])} GeV`]);
  if (event.tracks && !asCell[i]) out.push(["Found track", D.h_track[i] < 0 ? "none" : `${D.h_track[i]} (${LABELS[STATUS[D.f_status[D.h_track[i]]]].toLowerCase()})`]);
  return { title: `Hit ${D.h_id[i]}`, rows: out };
}
function describeFired(k) {
  const i = D.c_sensor[k];
  return { title: `Cell ${many(D.c_cell[k])}`, rows: [...where(i), ["Hits an event", figure(D.c_count[k], 3)], ...(D.c_energy[k] > 0 ? [["Energy an event", joule(D.c_energy[k])]] : [])] };
}
function describeCluster(c) {
  const n = D.k_offsets[c + 1] - D.k_offsets[c], out = [["Energy", `${figure(D.k_energy[c])}${Number.isFinite(D.k_energy_sigma[c]) ? ` ± ${figure(D.k_energy_sigma[c], 2)}` : ""} GeV`], ["x, y, z", `${[D.k_x[c], D.k_y[c], D.k_z[c]].map(v => v.toFixed(1)).join(", ")} mm`], ["Hits", many(n)], ["Score", figure(D.k_score[c], 3)]];
  if (heldClusters.has(c)) out.push(["In found particle", `${heldClusters.get(c)} (${flowName(D.q_class[heldClusters.get(c)])})`]);
  if (D.k_class[c] >= 0) out.push(["Most likely", event.clusters.classes[D.k_class[c]]]);
  if (event.truth) { // the particle of most of its energy
    const shares = new Map();
    for (const i of D.k_hits.subarray(D.k_offsets[c], D.k_offsets[c + 1])) shares.set(D.h_particle[i], (shares.get(D.h_particle[i]) ?? 0) + (D.h_energy?.[i] ?? 1));
    const [p, most] = [...shares].sort((a, b) => b[1] - a[1])[0] ?? [-1, 0], sum = [...shares.values()].reduce((a, b) => a + b, 0);
    if (p >= 0) out.push(["Mostly from", `${D.p_id[p]} (PDG ${D.p_pdg[p]}), ${Math.round(100 * most / sum)} %`]);
  }
  return { title: `Cluster ${c}`, rows: out };
}
const FIT = [["d0", "mm"], ["z0", "mm"], ["φ", "rad"], ["θ", "rad"], ["q/p", "e/GeV"]];
function parameter(t, k) { // a fitted parameter with its error, then the true one and how many errors lie between them
  const at = 5 * t + k, [value, error, truth] = [D.f_fit[at], D.f_error[at], D.f_true[at]], [name, unit] = FIT[k];
  const digits = error > 0 ? Math.max(0, Math.min(7, 1 - Math.floor(Math.log10(error)))) : -1, write = v => digits < 0 ? figure(v) : v.toFixed(digits);
  const out = [[name, `${write(value)}${error > 0 ? ` ± ${write(error)}` : ""} ${unit}`]];
  let off = value - truth;
  if (k === 2) off = Math.atan2(Math.sin(off), Math.cos(off));
  if (Number.isFinite(truth)) out.push(["", `true ${write(k === 2 ? value - off : truth)}${error > 0 ? `, pull ${off < 0 ? "−" : "+"}${Math.abs(off / error).toFixed(1)}` : ""}`]);
  return out;
}
function describeFound(t) {
  const n = trackLength(t), p = D.f_particle[t], pull = D.f_error[5 * t + 4] / Math.abs(D.f_q_over_p[t]);
  const out = [["pT", `${figure(D.f_pt[t])}${pull > 0 && pull < 1 ? ` ± ${figure(pull * D.f_pt[t], 2)}` : ""} GeV`], ...(p >= 0 && Number.isFinite(D.f_true[5 * t]) ? [["", `true ${figure(D.p_pt[p])}`]] : []),
    ["η", figure(D.f_eta[t])], ...FIT.flatMap((_, k) => parameter(t, k)), ["Charge", D.f_q_over_p[t] > 0 ? "+1" : D.f_q_over_p[t] < 0 ? "−1" : "–"],
    ["χ² / ndf", `${figure(D.f_chi2[t])} / ${figure(D.f_ndf[t])}`], ["Hits", many(n)], ["Score", figure(D.f_score[t])]];
  if (heldTracks.has(t)) out.push(["In found particle", `${heldTracks.get(t)} (${flowName(D.q_class[heldTracks.get(t)])})`]);
  if (p >= 0) out.push([STATUS[D.f_status[t]] === "fake" ? "Most hits from" : "Particle", String(D.p_id[p])], ["Hits from it", `${D.f_shared[t]} of ${n}`]);
  return { title: `Track ${t}: ${LABELS[STATUS[D.f_status[t]]].toLowerCase()}`, rows: out };
}
function describeParticle(p) {
  const out = [["pT", `${figure(D.p_pt[p])} GeV`], ["η", figure(D.p_eta[p])], ["φ", `${figure(D.p_phi[p])} rad`], ["PDG code", String(D.p_pdg[p])], ["Charge", figure(D.p_charge[p])],
    ["Vertex", `${[D.p_vx[p], D.p_vy[p], D.p_vz[p]].map(v => figure(v, 3)).join(", ")} mm`], ["Hits", many(trackLength(nFound + p))]];
  if (event.tracks) out.push(["Found as", D.p_track[p] < 0 ? "none" : `track ${D.p_track[p]}`]);
  return { title: `Particle ${D.p_id[p]}`, rows: out };
}
function describeSensor(i, under) {
  let g = 0, first = 0;
  while (i >= first + detector.templates[g].sensors) first += detector.templates[g++].sensors;
  const t = detector.templates[g], [x, y, z] = D.s_center.subarray(3 * i, 3 * i + 3);
  const out = [...where(i).slice(0, 1), ["Template", t.name], ["Cells", `${many(t.cells)} of ${t.pitch.map(v => figure(v, 3)).join(" × ")} mm`], ["Centre", `${[x, y, z].map(v => v.toFixed(1)).join(", ")} mm`],
    ["ρ", `${Math.hypot(x, y).toFixed(1)} mm`], ["Resolution u, v", `${figure(1e3 * D.s_resolution_u[i], 3)}, ${figure(1e3 * D.s_resolution_v[i], 3)} µm`],
    ["Thickness", `${figure(t.thickness, 3)} mm, ${figure(100 * D.s_radiation_lengths[i], 3)} % X₀`]];
  out.push(["λ", figure(D.s_interaction_lengths[i], 3)]);
  if (Number.isFinite(D.s_moliere_radius[i])) out.push(["Molière radius", `${figure(D.s_moliere_radius[i], 3)} mm`]);
  if (Number.isFinite(D.s_sampling_fraction[i])) out.push(["Sampling fraction", figure(D.s_sampling_fraction[i], 3)]);
  if (Number.isFinite(D.s_air_gap[i])) out.push(["Air gap before it", `${figure(D.s_air_gap[i], 3)} mm`]);
  if (D.s_hits) out.push(["Hits an event", figure(D.s_hits[i], 3)], ["Occupancy", `${figure(100 * D.s_hits[i] / t.cells, 3)} %`]);
  if (under) out.unshift(["Cell", many(under.cell)], ["u, v", `${figure(under.u)}, ${figure(under.v)} mm`]);
  for (const label of detector.labels) out.push([label.replaceAll("_", " "), String(D[`label:${label}`][i])]);
  return { title: `Sensor ${many(D.s_row[i])}`, rows: out };
}
function fill(node, { title, rows }) {
  const list = make("dl");
  for (const [term, value] of rows) list.append(make("dt", {}, term), make("dd", {}, value));
  node.replaceChildren(make("div", { className: "title" }, title), list);
}

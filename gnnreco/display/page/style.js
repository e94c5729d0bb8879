// What is visible and in which colour.
const INKS = { // safe for colour-blind readers (after Okabe and Ito); by status of the line
  dark: { tracks: ["#56b4e9", "#cc79a7", "#ff6a2b", "#56b4e9", "#c9d4e3", "#f0e442", "#3fc9a0"], free: "#7f93ad", noise: "#4c5a6e",
    pt: ["#5a55d6", "#3f8fe8", "#22c1b4", "#8fdc55", "#fde725"] },
  light: { tracks: ["#0072b2", "#a8427f", "#d55e00", "#0072b2", "#6b7787", "#b8860b", "#00875f"], free: "#7a8798", noise: "#b3bdca",
    pt: ["#440154", "#3b528b", "#21918c", "#4fb848", "#c9a800"] },
};
const state = {
  theme: "dark", colour: "status", pt: 0, hits: 1, size: 1, glass: 1, selected: -1, sensor: -1, cluster: -1, particle: -1,
  shade: "subsystem", paint: "energy", least: 0, solo: -1,
  show: { outlines: true, faces: true, cut: true, cells: true, fired: true, grow: true, onTrack: true, unassigned: true, noise: true,
    matched: true, duplicate: true, fake: true, found: true, true: false, missed: true, generated: true, jets: true, missing: true, strange: true },
  layers: new Uint8Array(detector.layers).fill(1),
};
const STATUS = ["matched", "duplicate", "fake", "found", "true", "missed", "generated"];
const HIT_KINDS = ["onTrack", "unassigned", "noise"];
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const inks = () => INKS[state.theme];
const HUES = 16, hues = () => Array.from({ length: HUES }, (_, i) => css(`--s${i}`)); // of subsystems

const HIGH_PT = 10, lowPt = () => Math.max(0.1, Math.min(5, state.pt)); // GeV, ends of the colour scale
function ptColour(pt) {
  const ramp = inks().pt, x = Math.max(0, Math.min(0.9999, Math.log(pt / lowPt()) / Math.log(HIGH_PT / lowPt()) || 0)) * (ramp.length - 1);
  const [a, b] = [rgb(ramp[Math.floor(x)]), rgb(ramp[Math.floor(x) + 1])];
  return a.map((v, i) => v + (b[i] - v) * (x % 1));
}
function trackColour(t) {
  if (state.colour === "pt") return ptColour(trackPt(t));
  const colour = rgb(inks().tracks[trackStatus(t)]), plain = [FAKE, MISSED, DUPLICATE].includes(trackStatus(t));
  const share = Math.max(0, Math.min(1, Math.log10(trackPt(t)) || 0)), [dim, bright] = state.theme === "dark" ? [0.8, 0.45] : [1.25, -0.3];
  if (plain) return colour; // the others brighten from 1 to 10 GeV
  return colour.map(v => Math.max(0, Math.min(255, v * (dim + (1 - dim) * Math.min(1, 2 * share)) + (bright > 0 ? 255 - v : v) * bright * Math.max(0, 2 * share - 1))));
}
const passes = t => !(trackPt(t) < state.pt) && trackLength(t) >= (t < nFound ? 1 : state.hits);
const visible = t => t >= 0 && state.show[STATUS[trackStatus(t)]] && passes(t);

const rows = Math.max(1, Math.ceil(nTracks / 1024));
const trackStyle = new Uint8Array(rows * 1024 * 8), hitColour = new Uint8Array(4 * nHits), hitSize = new Uint8Array(nHits);
const sensorColour = new Uint8Array(4 * nSensors);

const largeHit = Math.round(16 * Math.max(2.8, Math.min(6, 6.6 - 0.34 * Math.log(1 + nHits)))); // sixteenths of a pixel

const ink3 = new Uint8Array(3 * nTracks), litInk3 = new Uint8Array(3 * nTracks), seen = new Uint8Array(nTracks);
function put(out, at, colours, i, last) {
  out[at] = colours[3 * i]; out[at + 1] = colours[3 * i + 1]; out[at + 2] = colours[3 * i + 2]; out[at + 3] = last;
}

function restyle() {
  const dark = state.theme === "dark", some = state.selected >= 0 || state.particle >= 0, other = partner(state.selected);
  const mine = t => some && t >= 0 && (t === state.selected || t === other || parts.tracks.has(t));
  let shown = 0;
  for (let t = 0; t < nTracks; t++) {
    shown += seen[t] = visible(t) ? 1 : 0;
    trackColour(t).forEach((v, c) => { // a hit stands out from its line
      ink3[3 * t + c] = v;
      litInk3[3 * t + c] = dark ? v + 0.35 * (255 - v) : 0.8 * v;
    });
  }
  styleLines(shown, mine, some, dark);
  styleHits(mine, some);
  lightUp(mine);
  styleCells(mine);
  styleSensors();
  upload();
}

function styleLines(shown, mine, some, dark) {
  const strength = Math.max(0.4, Math.min(0.95, 1.25 - 0.105 * Math.log(1 + shown)));
  const width = Math.max(1.1, Math.min(2.4, 2.9 - 0.2 * Math.log(1 + shown)));
  const glow = dark ? Math.round(255 * Math.min(1, 30 / (1 + shown))) : 0;
  for (let t = 0; t < nTracks; t++) {
    const status = trackStatus(t), on = seen[t] || mine(t), wide = status === FAKE ? 1.4 : status === TRUE ? 0.8 : 1;
    put(trackStyle, 8 * t, ink3, t, Math.round(255 * (!on ? 0 : some ? (mine(t) ? 1 : 0.12) : strength)));
    trackStyle[8 * t + 4] = Math.round(16 * width * wide * (mine(t) ? 1.7 : 1));
    trackStyle[8 * t + 5] = glow;
    trackStyle[8 * t + 6] = status === MISSED || status === TRUE ? 255 : 0;
  }
}

function styleHits(mine, some) {
  const free = new Uint8Array([...rgb(inks().free), ...rgb(inks().noise)]), small = Math.max(24, largeHit / 2.2);
  const faint = Math.max(0.36, Math.min(0.85, 1.5 - 0.1 * Math.log(1 + nHits))), dim = some ? 0.35 : 1;
  for (let i = 0; i < nHits; i++) {
    const kind = D.h_kind[i], found = D.h_track[i], particle = D.h_particle[i] < 0 ? -1 : nFound + D.h_particle[i];
    const chosen = mine(found) ? found : mine(particle) ? particle : -1;
    const line = chosen >= 0 ? chosen : found >= 0 && seen[found] ? found
      : particle >= 0 && seen[particle] && (found < 0 || trackStatus(particle) !== TRUE) ? particle : -1;
    const alpha = chosen >= 0 ? 1 : line >= 0 ? Math.min(0.95, faint + 0.35) * dim : faint * dim;
    if (line >= 0) put(hitColour, 4 * i, litInk3, line, 255 * alpha); else put(hitColour, 4 * i, free, kind === NOISE ? 1 : 0, 255 * alpha);
    const on = kind !== NOWHERE && (state.show[HIT_KINDS[kind]] || chosen >= 0) && !(D.h_energy?.[i] < state.least);
    hitSize[i] = !on ? 0 : asCell[i] ? (state.show.fired ? 6 + 9 * heat(D.h_energy[i]) : 0) : chosen >= 0 ? 112 : line >= 0 ? largeHit : small;
    if (asCell[i]) continue;
    if (line < 0 && D.h_cluster?.[i] >= 0 || chosen < 0 && charged[i]) { // charge is a hit like the cell of a calorimeter
      hitPaint(i).forEach((v, c) => { hitColour[4 * i + c] = v; });
      hitColour[4 * i + 3] = 255 * (some || state.cluster >= 0 && D.h_cluster?.[i] !== state.cluster ? 0.2 : 0.9);
      if (hitSize[i]) hitSize[i] = Math.round(largeHit * (state.show.grow ? 0.5 + 0.7 * heat(D.h_energy[i]) : 0.7));
    }
  }
}

// Energy: a logarithmic scale between what most hits exceed and the largest.
const asCell = new Uint8Array(nHits), charged = new Uint8Array(nHits);
const energies = event ? D.h_energy ?? new Float32Array(0) : D.c_count ?? new Float32Array(0);
const span = (() => {
  const sorted = energies.filter(v => v > 0).sort();
  return sorted.length ? [sorted[Math.floor(0.02 * sorted.length)], Math.max(sorted.at(-1), sorted[0] * 1.001)] : [1, 2];
})();
const heat = v => v > 0 && span[1] > span[0] ? Math.max(0, Math.min(1, Math.log(v / span[0]) / Math.log(span[1] / span[0]))) : 0;
function ramp(share) {
  const stops = inks().pt, x = Math.max(0, Math.min(0.9999, share)) * (stops.length - 1), [a, b] = [rgb(stops[Math.floor(x)]), rgb(stops[Math.floor(x) + 1])];
  return a.map((v, i) => v + (b[i] - v) * (x % 1));
}
function distinctColour(i) { // neighbours in number are far apart in hue
  const hue = i * 0.61803399 % 1, light = state.theme === "dark" ? 0.62 : 0.45 - 0.1 * (i % 2), s = 0.62 * Math.min(light, 1 - light);
  return [0, 8, 4].map(n => 255 * (light - s * Math.max(-1, Math.min((n + hue * 12) % 12 - 3, 9 - (n + hue * 12) % 12, 1))));
}
function hitPaint(i) {
  if (lit()) return strangePaint(i);
  if (state.paint === "cluster" && D.h_cluster) return D.h_cluster[i] < 0 ? rgb(inks().noise) : distinctColour(D.h_cluster[i]);
  if (state.paint === "particle") return D.h_particle[i] < 0 ? rgb(inks().noise) : distinctColour(D.h_particle[i]);
  return ramp(heat(D.h_energy?.[i]));
}
const cellColour = new Uint8Array(4 * nCells), cellSize = new Uint8Array(nCells);
if (event) {
  for (const i of D.c_hit) asCell[i] = 1;
  const charges = detector.subsystems.map(s => /\bcharge\b/.test(s.measures)), of = new Map();
  for (let i = 0; i < nSensors; i++) of.set(D.s_row[i], charges[D.s_subsystem[i]]);
  if (charges.some(Boolean)) for (let i = 0; i < nHits; i++) charged[i] = of.get(D.h_sensor[i]) ? 1 : 0;
}
function styleCells(mine) {
  const chosen = state.selected >= 0 || state.cluster >= 0 || state.particle >= 0, grey = rgb(inks().noise);
  for (let k = 0; k < nCells; k++) {
    const i = event ? D.c_hit[k] : k, value = energies[i], on = state.show.fired && value >= state.least && state.layers[D.s_layer[D.c_sensor[k]]];
    const picked = event && (parts.hits.has(i) || parts.clusters.has(D.h_cluster?.[i]) || (state.cluster >= 0 ? D.h_cluster[i] === state.cluster : D.h_particle[i] >= 0 && mine(nFound + D.h_particle[i]) || mine(D.h_track[i])));
    (chosen && !picked ? grey : event ? hitPaint(i) : ramp(heat(value))).forEach((v, c) => { cellColour[4 * k + c] = v; });
    cellColour[4 * k + 3] = chosen && !picked || lit() && !gives(i) ? 110 : 255;
    if (event) { put(hitColour, 4 * i, cellColour.subarray(4 * k), 0, cellColour[4 * k + 3]); if (!on) hitSize[i] = 0; }
    cellSize[k] = !on ? 0 : state.show.grow ? 85 + 170 * (chosen && !picked ? 0 : heat(value)) : 245;
  }
}

const SHADES = { // what a sensor's colour may tell
  hits: ["Hits for each event", () => D.s_hits], density: ["Hits for each cm² and event", () => D.s_density],
  energy: ["Energy for each event [GeV]", () => D.s_energy], x0: ["Radiation lengths", () => D.s_radiation_lengths], lambda: ["Interaction lengths", () => D.s_interaction_lengths],
};
function shadeRange() { // logarithmic, without the lowest hundredth
  const sorted = Float32Array.from(SHADES[state.shade][1]()).filter(v => v > 0).sort();
  return sorted.length ? [sorted[Math.floor(0.01 * sorted.length)], Math.max(sorted.at(-1), 1.01 * sorted[0])] : [1, 2];
}
let shownSensors = nSensors;
const struck = event ? new Set(D.h_sensor) : null; // sensors without a signal step back where there are cells with one
const stepBack = detector.subsystems.map(() => 1); // and so do those of trackers, where many are hit
if (event && nCells) {
  const hit = detector.subsystems.map(() => 0);
  for (let i = 0; i < nSensors; i++) hit[D.s_subsystem[i]] += struck.has(D.s_row[i]) ? 1 : 0;
  detector.subsystems.forEach((s, i) => { if (!/\benergy\b/.test(s.measures)) stepBack[i] = Math.max(0.25, Math.min(1, 1000 / (hit[i] + 1))); });
}
function styleSensors() {
  shownSensors = D.s_layer.reduce((n, layer) => n + state.layers[layer], 0);
  const colours = new Uint8Array([...hues().flatMap(rgb), ...rgb(inks().tracks[MISSED])]), values = SHADES[state.shade]?.[1]();
  const [low, high] = values ? shadeRange() : [0, 0], shades = Array.from({ length: 65 }, (_, i) => ramp(i / 64)), none = rgb(inks().noise);
  for (let i = 0; i < nSensors; i++) {
    const picked = i === state.sensor, step = D.s_layer[i] % 2 || picked || values ? 1 : 1.22; // neighbouring layers differ a little
    put(sensorColour, 4 * i, colours, picked ? HUES : detector.subsystems[D.s_subsystem[i]].hue % HUES, state.layers[D.s_layer[i]] || picked ? 255 : 0);
    if (values && !picked) (values[i] > 0 ? shades[Math.round(64 * Math.max(0, Math.min(1, Math.log(values[i] / low) / Math.log(high / low))))] : none).forEach((v, c) => { sensorColour[4 * i + c] = v; });
    if (event && nCells && !picked) sensorColour[4 * i + 3] *= Math.min(stepBack[D.s_subsystem[i]], struck.has(D.s_row[i]) ? 1 : 0.4);
    for (let c = 0; c < 3; c++) sensorColour[4 * i + c] = Math.min(255, sensorColour[4 * i + c] * step);
  }
}

// What is visible and in which colour, and the drawing of it.
const INKS = { // safe for colour-blind readers (after Okabe and Ito); by status of the line
  dark: { tracks: ["#56b4e9", "#cc79a7", "#ff6a2b", "#56b4e9", "#c9d4e3", "#f0e442", "#3fc9a0"], free: "#7f93ad", noise: "#4c5a6e",
    sensors: ["#5f86b8", "#4f9d95", "#8a7cc0", "#a98a5c", "#7d93a8", "#b0738e"], pt: ["#5a55d6", "#3f8fe8", "#22c1b4", "#8fdc55", "#fde725"] },
  light: { tracks: ["#0072b2", "#a8427f", "#d55e00", "#0072b2", "#6b7787", "#b8860b", "#00875f"], free: "#7a8798", noise: "#b3bdca",
    sensors: ["#3f6ea8", "#2f7f77", "#6a5aa8", "#8a6a35", "#5f7489", "#96547a"], pt: ["#440154", "#3b528b", "#21918c", "#4fb848", "#c9a800"] },
};
const state = {
  theme: "dark", colour: "status", pt: 0, hits: 1, size: 1, glass: 1, selected: -1, sensor: -1,
  show: { outlines: true, faces: true, cut: true, cells: false, onTrack: true, unassigned: true, noise: true,
    matched: true, duplicate: true, fake: true, found: true, true: false, missed: true, generated: true },
  layers: new Uint8Array(detector.layers).fill(1),
};
const STATUS = ["matched", "duplicate", "fake", "found", "true", "missed", "generated"];
const HIT_KINDS = ["onTrack", "unassigned", "noise"];
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const inks = () => INKS[state.theme];

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

const gpu = { hits: null, lines: null, sensors: [], style: gl.createTexture() };
(function arrange() {
  const corner = { ...programs.sensor }, centre = buffer(D.s_centre), u = buffer(D.s_u), v = buffer(D.s_v);
  gpu.sensorColour = buffer(sensorColour);
  let first = 0;
  detector.templates.forEach((template, g) => {
    const instances = at => {
      attribute(corner, "iCentre", centre, 3, { divisor: 1, offset: 12 * at });
      attribute(corner, "iU", u, 3, { divisor: 1, type: gl.SHORT, norm: true, stride: 6, offset: 6 * at });
      attribute(corner, "iV", v, 3, { divisor: 1, type: gl.SHORT, norm: true, stride: 6, offset: 6 * at });
      attribute(corner, "iColour", gpu.sensorColour, 4, { divisor: 1, type: gl.UNSIGNED_BYTE, norm: true, offset: 4 * at });
    };
    const outline = D[`outline:${g}`], edge = buffer(outline), start = first;
    const group = { first, count: template.sensors, corners: outline.length / 2, cells: null };
    group.vao = arrangement(() => { attribute(corner, "aCorner", edge, 2); instances(start); });
    if (template.drawn) {
      const lines = cellEdges(D[`cells:${g}`], template.corners), data = buffer(lines);
      group.cells = { n: lines.length / 2, vao: arrangement(() => { attribute(corner, "aCorner", data, 2); instances(start); }) };
    }
    gpu.sensors.push(group);
    first += template.sensors;
  });
  if (!event) return;
  const { hit, line } = programs;
  gpu.hitColour = buffer(hitColour);
  gpu.hitSize = buffer(hitSize);
  gpu.hits = arrangement(() => {
    attribute(hit, "aPoint", buffer(D.h_xyz), 3);
    attribute(hit, "aColour", gpu.hitColour, 4, { type: gl.UNSIGNED_BYTE, norm: true });
    attribute(hit, "aSize", gpu.hitSize, 1, { type: gl.UNSIGNED_BYTE });
  });
  const way = new Float32Array(D.line.length), x = D.vertex;
  for (let i = 1; i < way.length; i++) {
    if (D.line[i] === D.line[i - 1]) way[i] = way[i - 1] + Math.hypot(x[3 * i] - x[3 * i - 3], x[3 * i + 1] - x[3 * i - 2], x[3 * i + 2] - x[3 * i - 1]);
  }
  const vertex = buffer(x), track = buffer(D.line), ways = buffer(way);
  gpu.lines = arrangement(() => {
    for (const [end, i] of [["A", 0], ["B", 1]]) {
      attribute(line, "i" + end, vertex, 3, { divisor: 1, offset: 12 * i });
      attribute(line, "iTrack" + end, track, 1, { divisor: 1, type: gl.INT, whole: true, offset: 4 * i });
      attribute(line, "iWay" + end, ways, 1, { divisor: 1, offset: 4 * i });
    }
  });
})();

function cellEdges(corners, k) { // polygons to a list of edges
  const out = new Float32Array(corners.length * 2);
  for (let i = 0; i < corners.length / 2; i++) {
    const next = i % k === k - 1 ? i - k + 1 : i + 1;
    out.set([corners[2 * i], corners[2 * i + 1], corners[2 * next], corners[2 * next + 1]], 4 * i);
  }
  return out;
}

const largeHit = Math.round(16 * Math.max(2.8, Math.min(6, 6.6 - 0.34 * Math.log(1 + nHits)))); // sixteenths of a pixel

const ink3 = new Uint8Array(3 * nTracks), litInk3 = new Uint8Array(3 * nTracks), seen = new Uint8Array(nTracks);
function put(out, at, colours, i, last) {
  out[at] = colours[3 * i]; out[at + 1] = colours[3 * i + 1]; out[at + 2] = colours[3 * i + 2]; out[at + 3] = last;
}

function restyle() {
  const dark = state.theme === "dark", some = state.selected >= 0, other = partner(state.selected);
  const mine = t => some && t >= 0 && (t === state.selected || t === other);
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
    const on = kind !== NOWHERE && (state.show[HIT_KINDS[kind]] || chosen >= 0);
    hitSize[i] = !on ? 0 : chosen >= 0 ? 112 : line >= 0 ? largeHit : small;
  }
}

function styleSensors() {
  const colours = new Uint8Array([...inks().sensors.flatMap(rgb), ...rgb(inks().tracks[MISSED])]), last = inks().sensors.length;
  for (let i = 0; i < nSensors; i++) {
    const picked = i === state.sensor, step = D.s_layer[i] % 2 || picked ? 1 : 1.22; // neighbouring layers differ a little
    put(sensorColour, 4 * i, colours, picked ? last : D.s_subsystem[i] % last, state.layers[D.s_layer[i]] || picked ? 255 : 0);
    for (let c = 0; c < 3; c++) sensorColour[4 * i + c] = Math.min(255, sensorColour[4 * i + c] * step);
  }
}

function upload() {
  gl.bindTexture(gl.TEXTURE_2D, gpu.style);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 2048, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, trackStyle);
  for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.NEAREST);
  for (const [where, data] of [[gpu.sensorColour, sensorColour], [gpu.hitColour, hitColour], [gpu.hitSize, hitSize]]) {
    if (!where) continue;
    gl.bindBuffer(gl.ARRAY_BUFFER, where);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, data);
  }
}

function use(program, size, cursor, more = {}) {
  gl.useProgram(program.program);
  const u = program.uniforms, aspect = size.w / size.h, pick = cursor !== null;
  gl.uniformMatrix3fv(u.uView, false, basis(camera).flat());
  gl.uniform3f(u.uTarget, ...camera.target);
  gl.uniform3f(u.uScale, camera.stretch / (camera.h * aspect), 1 / camera.h, camera.k / camera.h);
  gl.uniform1f(u.uFlat, camera.flat);
  gl.uniform4f(u.uCursor, ...(pick ? [cursor.x / size.w * 2 - 1, 1 - cursor.y / size.h * 2, size.w / PATCH, size.h / PATCH] : [0, 0, 1, 1]));
  gl.uniform2f(u.uPixel, ...(pick ? [2 / PATCH, 2 / PATCH] : [2 / canvas.width, 2 / canvas.height]));
  gl.uniform1i(u.uPick, pick ? 1 : 0);
  for (const [name, value] of Object.entries(more)) {
    if (Array.isArray(value)) gl.uniform3f(u[name], ...value); else gl.uniform1f(u[name], value);
  }
  return u;
}

function paint(size, cursor) { // onto the bound target; with a cursor, in colours that are numbers
  const { show } = state, pick = cursor !== null, ratio = pick ? 1 : canvas.width / size.w;
  pick ? gl.disable(gl.BLEND) : gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const crowd = Math.max(0.32, Math.min(1.6, 22 / Math.sqrt(nSensors + 1))) * state.glass * (event ? 1 : 1.6);
  const place = { uMiddle: middle, uNear: cutPlane(camera), uRadius: radius, uCut: show.cut ? 1 : 0, uStrength: crowd * (state.selected >= 0 ? 0.55 : 1), uFloor: Math.max(0.1, Math.min(0.9, 6 / Math.sqrt(nSensors + 1))) };
  const sensors = (mode, face, all) => {
    const u = use(programs.sensor, size, cursor, { ...place, uFace: face });
    for (const group of gpu.sensors) {
      const part = all === "cells" ? group.cells : group;
      if (!part || !group.count) continue;
      gl.uniform1ui(u.uBase, group.first);
      gl.bindVertexArray(part.vao);
      gl.drawArraysInstanced(mode, 0, all === "cells" ? part.n : group.corners, group.count);
    }
  };
  if (show.faces && camera.flat < 0.5 || pick) sensors(gl.TRIANGLE_FAN, 0.22);
  if (show.outlines || pick) sensors(gl.LINE_LOOP, 0);
  if (show.cells && !pick) sensors(gl.LINES, 0.35, "cells");
  const hits = (uLeast, uMost) => {
    if (!event || !nHits) return;
    use(programs.hit, size, cursor, { uSize: state.size * ratio / 16, uLeast, uMost });
    gl.bindVertexArray(gpu.hits);
    gl.drawArrays(gl.POINTS, 0, nHits);
  };
  hits(0, largeHit - 1);
  if (event && D.line.length > 1) {
    use(programs.line, size, cursor, { uGlow: ratio, uDash: camera.h * 0.05 });
    gl.bindTexture(gl.TEXTURE_2D, gpu.style);
    gl.bindVertexArray(gpu.lines);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, D.line.length - 1);
  }
  hits(largeHit, 255); // hits of the lines stand on their lines
  gl.bindVertexArray(null);
}

const PATCH = 13; // pixels around the cursor that are looked at
const patch = gl.createFramebuffer();
(function () {
  const target = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, target);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, PATCH, PATCH, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
  gl.bindFramebuffer(gl.FRAMEBUFFER, patch);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
})();

function pick(x, y, size) { // what is under the cursor: {kind: hit | track | sensor, index}, or null
  gl.bindFramebuffer(gl.FRAMEBUFFER, patch);
  gl.viewport(0, 0, PATCH, PATCH);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT);
  paint(size, { x, y });
  const bytes = new Uint8Array(4 * PATCH * PATCH);
  gl.readPixels(0, 0, PATCH, PATCH, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  const numbers = new Uint32Array(bytes.buffer), reach = { 1: 6, 2: 5, 3: 1.5 }, prefer = { 1: 0, 2: 2, 3: 100 };
  let best = null, least = Infinity;
  numbers.forEach((n, i) => {
    const kind = n >>> 30, far = Math.hypot(i % PATCH - (PATCH - 1) / 2, Math.floor(i / PATCH) - (PATCH - 1) / 2);
    if (!n || far > reach[kind] || far + prefer[kind] >= least) return;
    least = far + prefer[kind];
    best = { kind: ["", "hit", "track", "sensor"][kind], index: (n & 0x3fffffff) - 1 };
  });
  return best;
}

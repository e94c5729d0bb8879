// Cells: those of the sensors nearest to the eye or of a chosen layer as lines, and those with a signal as solids.
const MOST_SEGMENTS = 400000, CELL_PIXELS = 3.5; // how much is drawn of a picture at rest, and how large a cell must be
let segmentsNow = MOST_SEGMENTS; // fewer while the picture moves, on a machine that is slow
let geometry = null; // of each template, made when it is first needed

function isSolid(t, outline) {
  const extent = [0, 1].map(a => { const x = outline.filter((_, i) => i % 2 === a); return Math.max(...x) - Math.min(...x); });
  return t.thickness > 0.02 * Math.min(...extent);
}
function lift(t, u, v, w) { // from the middle plane to height w along the cell's walls
  if (!t.focus) return [u, v, w];
  const [fu, fv, fw] = t.focus, s = (fw - w) / fw;
  return [fu + (u - fu) * s, fv + (v - fv) * s, w];
}
function prism(t, outline) { // edges and triangles of a sensor: a box where its thickness can be seen
  const n = outline.length / 2, heights = isSolid(t, outline) ? [-t.thickness / 2, t.thickness / 2] : [0], lines = [], faces = [];
  const at = (i, h) => lift(t, outline[2 * (i % n)], outline[2 * (i % n) + 1], h);
  for (const h of heights) for (let i = 0; i < n; i++) {
    lines.push(...at(i, h), ...at(i + 1, h));
    if (i > 0 && i < n - 1) faces.push(...at(0, h), ...at(i, h), ...at(i + 1, h));
  }
  if (heights.length > 1) for (let i = 0; i < n; i++) {
    const [[a, b], [c, d]] = heights.map(h => [at(i, h), at(i + 1, h)]);
    if (n <= 12) lines.push(...a, ...c);
    faces.push(...a, ...b, ...d, ...a, ...d, ...c);
  }
  return { lines: new Float32Array(lines), faces: new Float32Array(faces) };
}

function cutLine(ax, ay, bx, by, outline) { // the part of a line inside a convex outline, or null
  let low = 0, high = 1;
  for (let i = 0, n = outline.length; i < n; i += 2) {
    const px = outline[i], py = outline[i + 1], ex = outline[(i + 2) % n] - px, ey = outline[(i + 3) % n] - py;
    const from = ex * (ay - py) - ey * (ax - px), to = ex * (by - py) - ey * (bx - px), slack = 1e-6 * Math.hypot(ex, ey);
    if (from < -slack && to < -slack) return null;
    if (from < -slack) low = Math.max(low, from / (from - to));
    else if (to < -slack) high = Math.min(high, from / (from - to));
  }
  return low < high ? [ax + (bx - ax) * low, ay + (by - ay) * low, ax + (bx - ax) * high, ay + (by - ay) * high] : null;
}
function flatLines(g) { // the edges of all cells of a template, each once: u, v, u, v, ...
  const t = detector.templates[g], out = [];
  if (t.kind === "edges") {
    const u = D[`edges_u:${g}`], v = D[`edges_v:${g}`], outline = D[`outline:${g}`], [u0, u1, v0, v1] = [u[0], u.at(-1), v[0], v.at(-1)];
    const box = Math.abs(outline.filter((_, i) => i % 2 === 0).reduce((m, x) => Math.max(m, x), -Infinity) - u1) < 1e-3 && outline.length === 8;
    const add = (...line) => { const part = box ? line : cutLine(...line, outline); if (part) out.push(...part); };
    for (const x of u) add(x, v0, x, v1);
    for (const y of v) add(u0, y, u1, y);
    return out;
  }
  const corners = D[`cells:${g}`], k = t.corners, seen = new Set();
  for (let i = 0; i < corners.length / 2; i++) {
    const next = i % k === k - 1 ? i - k + 1 : i + 1, [ax, ay, bx, by] = [corners[2 * i], corners[2 * i + 1], corners[2 * next], corners[2 * next + 1]];
    if (ax === bx && ay === by) continue;
    const key = Math.round((ax + bx) * 500) * 67108864 + Math.round((ay + by) * 500); // two cells share an edge
    if (!seen.has(key)) { seen.add(key); out.push(ax, ay, bx, by); }
  }
  return out;
}
function cellLines(g) {
  const t = detector.templates[g], flat = flatLines(g), out = [];
  const heights = isSolid(t, D[`outline:${g}`]) ? [-t.thickness / 2, t.thickness / 2] : [0], posts = new Set();
  for (let i = 0; i < flat.length; i += 4) {
    for (const h of heights) out.push(...lift(t, flat[i], flat[i + 1], h), ...lift(t, flat[i + 2], flat[i + 3], h));
    if (heights.length > 1 && t.kind === "polygons") for (const j of [i, i + 2]) {
      const key = Math.round(flat[j] * 1000) * 67108864 + Math.round(flat[j + 1] * 1000);
      if (!posts.has(key)) { posts.add(key); out.push(...lift(t, flat[j], flat[j + 1], heights[0]), ...lift(t, flat[j], flat[j + 1], heights[1])); }
    }
  }
  if (heights.length > 1 && t.kind === "edges") for (const u of D[`edges_u:${g}`]) for (const v of D[`edges_v:${g}`]) {
    if (out.length < 6e5) out.push(...lift(t, u, v, heights[0]), ...lift(t, u, v, heights[1]));
  }
  return new Float32Array(out);
}
function segments(t, g) { // about how many lines a sensor's cells need
  if (t.kind === "edges") return D[`edges_u:${g}`].length + D[`edges_v:${g}`].length;
  return t.kind === "polygons" ? D[`number:${g}`].length * 3 : 0;
}

let lod = { key: "", groups: [] };
function chooseCells(size) { // the sensors whose cells are drawn, by template
  const [r, u, e] = basis(camera), cut = state.show.cut && !camera.flat ? cutPlane(camera) : null, found = [];
  for (let g = 0, first = 0; g < detector.templates.length; first += detector.templates[g++].sensors) {
    const t = detector.templates[g], cost = segments(t, g), pitch = Math.max(Math.min(...t.pitch), Math.max(...t.pitch) / 4), reach = Math.hypot(...boxOf(g)) / 2;
    if (!cost) continue;
    for (let i = first; i < first + t.sensors; i++) {
      if (!state.layers[D.s_layer[i]]) continue;
      const p = D.s_center.subarray(3 * i, 3 * i + 3);
      if (cut && dot(sub(p, middle), cut) / radius > 0.05) continue;
      const d = sub(world(camera, p), camera.target), z = dot(d, e), w = 1 - z * camera.k / camera.h, scale = size.h / (2 * camera.h * Math.max(w, 0.05));
      if (w < 0.05 && reach * scale < size.h || pitch * scale < CELL_PIXELS) continue;
      const x = dot(d, r) * scale * camera.stretch, y = dot(d, u) * scale, off = Math.max(0, Math.abs(x) - size.w / 2 - reach * scale) + Math.max(0, Math.abs(y) - size.h / 2 - reach * scale);
      if (off > 0) continue;
      const chosen = i === state.sensor ? 0 : state.sensor >= 0 && D.s_layer[i] === D.s_layer[state.sensor] ? 1 : 2;
      found.push([chosen * 1e9 + Math.hypot(x, y) - (camera.flat ? 0 : z * scale * 0.5), i, g, cost]);
    }
  }
  found.sort((a, b) => a[0] - b[0]);
  const groups = new Map();
  let left = segmentsNow;
  for (const [, i, g, cost] of found) {
    if (cost > left) break;
    left -= cost;
    if (!groups.has(g)) groups.set(g, []);
    groups.get(g).push(i);
  }
  return groups;
}
function boxOf(g) {
  const o = D[`outline:${g}`], span = a => { let low = Infinity, high = -Infinity; for (let i = a; i < o.length; i += 2) { low = Math.min(low, o[i]); high = Math.max(high, o[i]); } return high - low; };
  return [span(0), span(1)];
}
function paintCells(size, place) {
  const groups = chooseCells(size), program = programs.sensor;
  lod.sensors = 0; lod.cells = 0;
  if (!groups.size) return;
  geometry ??= detector.templates.map(() => null);
  let lines = 0; // many lines over each other are drawn fainter
  for (const [g, list] of groups) lines += segments(detector.templates[g], g) * list.length;
  place = { ...place, uFace: state.solo >= 0 ? -0.5 : -0.5 * Math.max(0.14, Math.min(1, 110 / Math.sqrt(lines + 1))) * Math.min(1.5, state.glass) };
  const u = use(program, size, null, place);
  gl.uniform1ui(u.uBase, 0);
  for (const [g, list] of groups) {
    geometry[g] ??= (() => {
      const lines = cellLines(g), own = { n: lines.length / 3, center: gl.createBuffer(), u: gl.createBuffer(), v: gl.createBuffer(), colour: gl.createBuffer(), key: "" };
      own.vao = arrangement(() => { attribute(program, "aCorner", buffer(lines), 3); placed(program, own.center, own.u, own.v, own.colour, 0); });
      return own;
    })();
    const own = geometry[g], n = list.length;
    const gather = (from, Kind, k) => { const out = new Kind(k * n); list.forEach((i, j) => { for (let c = 0; c < k; c++) out[k * j + c] = from[k * i + c]; }); return out; };
    const load = (where, data) => { gl.bindBuffer(gl.ARRAY_BUFFER, where); gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW); };
    load(own.center, gather(D.s_center, Float32Array, 3)); load(own.u, gather(D.s_u, Int16Array, 3));
    load(own.v, gather(D.s_v, Int16Array, 3)); load(own.colour, gather(sensorColour, Uint8Array, 4));
    gl.bindVertexArray(own.vao);
    gl.drawArraysInstanced(gl.LINES, 0, own.n, n);
    lod.sensors += n;
    lod.cells += n * detector.templates[g].cells;
  }
  gl.bindVertexArray(null);
}

// Cells with a signal: each an instance that finds its sensor and its shape in two textures.
let fired = null;
if (nCells) {
  const info = event ? event.cells : about.occupancy, ofSensor = new Float32Array(16 * nSensors), solid = new Uint8Array(nSensors);
  for (let g = 0, first = 0; g < detector.templates.length; first += detector.templates[g++].sensors) {
    const t = detector.templates[g], thick = t.thickness > 0.1 * Math.min(...t.pitch);
    for (let i = first; i < first + t.sensors; i++) {
      const part = a => D[a].subarray(3 * i, 3 * i + 3), [u, v] = ["s_u", "s_v"].map(a => [...part(a)].map(x => x / 32767));
      ofSensor.set([...part("s_center"), t.thickness, ...u, 0, ...v, 0, ...(t.focus ?? [0, 0, 1]), t.focus ? 1 : 0], 16 * i);
      solid[i] = thick;
    }
  }
  gpu.cellColour = buffer(cellColour);
  gpu.cellSize = buffer(cellSize);
  fired = { sensors: table(ofSensor, 4), shapes: table(D.c_corners, 2), corners: info.corners, runs: [] };
  const whole = { type: gl.INT, whole: true, divisor: 1 }, b = { s: buffer(D.c_sensor), f: buffer(D.c_shape), p: buffer(D.c_place), i: buffer(event ? D.c_hit : Int32Array.from(D.c_cell, (_, k) => k)) };
  for (let from = 0, to; from < nCells; from = to) { // runs of flat and of solid cells
    for (to = from; to < nCells && solid[D.c_sensor[to]] === solid[D.c_sensor[from]];) to++;
    const at = from, p = programs.fired, vao = arrangement(() => {
      attribute(p, "iSensor", b.s, 1, { ...whole, offset: 4 * at }); attribute(p, "iShape", b.f, 1, { ...whole, offset: 4 * at }); attribute(p, "iIndex", b.i, 1, { ...whole, offset: 4 * at });
      attribute(p, "iPlace", b.p, 2, { divisor: 1, offset: 8 * at });
      attribute(p, "iColour", gpu.cellColour, 4, { type: gl.UNSIGNED_BYTE, norm: true, divisor: 1, offset: 4 * at });
      attribute(p, "iSize", gpu.cellSize, 1, { type: gl.UNSIGNED_BYTE, norm: true, divisor: 1, offset: at });
    });
    fired.runs.push({ vao, n: to - from, solid: solid[D.c_sensor[from]] });
  }
}
function paintFired(size, cursor, place) {
  if (!fired || !state.show.fired) return;
  const u = use(programs.fired, size, cursor, { uMiddle: place.uMiddle, uNear: place.uNear, uRadius: place.uRadius, uCut: place.uCut, uCorners: fired.corners });
  gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_2D, fired.sensors); gl.uniform1i(u.uSensors, 1);
  gl.activeTexture(gl.TEXTURE2); gl.bindTexture(gl.TEXTURE_2D, fired.shapes); gl.uniform1i(u.uShapes, 2);
  gl.activeTexture(gl.TEXTURE0);
  gl.enable(gl.DEPTH_TEST); gl.depthFunc(gl.LEQUAL);
  for (const { vao, n, solid } of fired.runs) {
    gl.uniform1f(u.uSolid, solid);
    gl.bindVertexArray(vao);
    gl.drawArraysInstanced(gl.TRIANGLES, 0, solid ? 6 * fired.corners + 6 * (fired.corners - 2) : 3 * (fired.corners - 2), n);
  }
  gl.disable(gl.DEPTH_TEST);
  gl.bindVertexArray(null);
}

function cellUnder(i, x, y, size) { // the cell of sensor i under the cursor: {cell, u, v}, or null
  if (camera.flat > 0.01) return null;
  const [r, up, e] = basis(camera), aspect = size.w / size.h, c = camera.k / camera.h;
  const side = r.map((v, a) => v * (x / size.w * 2 - 1) * camera.h * aspect / camera.stretch + up[a] * (1 - y / size.h * 2) * camera.h);
  const from = camera.target.map((v, a) => v + side[a]), way = e.map((v, a) => v - c * side[a]);
  const axis = name => [...D[name].subarray(3 * i, 3 * i + 3)].map(v => v / 32767), u = axis("s_u"), v = axis("s_v");
  const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]], middle = [...D.s_center.subarray(3 * i, 3 * i + 3)];
  const step = dot(sub(middle, from), normal) / dot(way, normal);
  if (!Number.isFinite(step)) return null;
  const at = sub(from.map((p, a) => p + way[a] * step), middle), [pu, pv] = [dot(at, u), dot(at, v)];
  let g = 0, first = 0;
  while (i >= first + detector.templates[g].sensors) first += detector.templates[g++].sensors;
  const cell = cellAt(g, pu, pv);
  return cell === null ? null : { cell, u: pu, v: pv };
}
function cellAt(g, u, v) {
  const t = detector.templates[g];
  if (t.kind === "edges") {
    const find = (e, x) => { let a = 0, b = e.length - 1; if (x < e[0] || x > e[b]) return -1; while (b - a > 1) { const m = a + b >> 1; if (x < e[m]) b = m; else a = m; } return a; };
    const [eu, ev] = [D[`edges_u:${g}`], D[`edges_v:${g}`]], [iu, iv] = [find(eu, u), find(ev, v)];
    return iu < 0 || iv < 0 ? null : iu * (ev.length - 1) + iv;
  }
  if (t.kind !== "polygons") return null;
  const c = D[`cells:${g}`], k = t.corners;
  for (let n = 0; n < D[`number:${g}`].length; n++) {
    let inside = false;
    for (let i = 0, j = k - 1; i < k; j = i++) {
      const [xi, yi, xj, yj] = [c[2 * (n * k + i)], c[2 * (n * k + i) + 1], c[2 * (n * k + j)], c[2 * (n * k + j) + 1]];
      if (yi > v !== yj > v && u < (xj - xi) * (v - yi) / (yj - yi) + xi) inside = !inside;
    }
    if (inside) return D[`number:${g}`][n];
  }
  return null;
}

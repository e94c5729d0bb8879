// The camera: a target, two angles, a height; flat = 1 puts every point at (z, rho). No near or far plane.
const camera = { target: [0, 0, 0], az: 0, el: 0, h: 1000, k: 0, flat: 0, stretch: 1 };
const VIEWS = { "3d": { az: 1.02, el: 0.3, k: 0.22, flat: 0 }, xy: { az: 0, el: 0, k: 0, flat: 0 }, rz: { az: 0, el: 0, k: 0, flat: 1 } };
let view = "3d", flight = null;

function basis(c) { // rows: right, up, towards the eye
  const [sa, ca, se, ce] = [Math.sin(c.az), Math.cos(c.az), Math.sin(c.el), Math.cos(c.el)];
  return [[ca, 0, -sa], [-se * sa, ce, -se * ca], [sa * ce, se, ca * ce]];
}
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
function world(c, p) {
  const f = c.flat, rho = Math.hypot(p[0], p[1]);
  return [p[0] + (p[2] - p[0]) * f, p[1] + (rho - p[1]) * f, p[2] * (1 - f)];
}

function project(p, size) { // a point in mm to [x, y] in CSS pixels, or null behind the eye
  const d = sub(world(camera, p), camera.target), [r, u, e] = basis(camera);
  const w = 1 - dot(d, e) * camera.k / camera.h;
  if (w < 0.02) return null;
  const x = dot(d, r) * camera.stretch / (camera.h * size.w / size.h) / w, y = dot(d, u) / camera.h / w;
  return [(x + 1) / 2 * size.w, (1 - y) / 2 * size.h];
}

function sample() { // enough points to know how large the scene is
  const out = [];
  for (let i = 0; i < nSensors; i += Math.max(1, nSensors >> 12)) out.push([...D.s_center.subarray(3 * i, 3 * i + 3)]);
  for (let g = 0, at = 0; g < detector.templates.length; at += detector.templates[g++].sensors) {
    for (let i = at; i < at + detector.templates[g].sensors; i += Math.max(1, nSensors >> 12)) out.push(...corners(g, i));
  }
  for (let i = 0; i < nHits; i += Math.max(1, nHits >> 12)) {
    if (D.h_kind[i] !== NOWHERE) out.push([...D.h_xyz.subarray(3 * i, 3 * i + 3)]);
  }
  if (event?.flow) out.push([0, 0, 0]); // where the arrows of particles begin
  return out.length ? out : [[-100, -100, -100], [100, 100, 100]];
}
function corners(g, i) {
  const outline = D[`outline:${g}`], t = detector.templates[g], out = [], axis = name => [...D[name].subarray(3 * i, 3 * i + 3)].map(x => x / 32767);
  const [u, v] = [axis("s_u"), axis("s_v")], w = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  for (const height of [-t.thickness / 2, t.thickness / 2]) for (let c = 0; c < outline.length; c += 2) {
    const p = lift(t, outline[c], outline[c + 1], height);
    out.push([0, 1, 2].map(a => D.s_center[3 * i + a] + p[0] * u[a] + p[1] * v[a] + p[2] * w[a]));
  }
  return out;
}

const cloud = sample(), everything = cloud;
const box = [0, 1, 2].map(a => cloud.reduce(([low, high], p) => [Math.min(low, p[a]), Math.max(high, p[a])], [Infinity, -Infinity]));
const middle = box.map(([low, high]) => (low + high) / 2);
const spans = box.map(([low, high]) => high - low), longest = spans.indexOf(Math.max(...spans));
if (longest === 2 && spans[2] > 6 * Math.max(spans[0], spans[1])) Object.assign(VIEWS["3d"], { az: 0.3, el: 0.2 }); // a beam telescope: from near its axis
const lengthwise = Math.max(...spans) > 1.4 * Math.min(...spans) ? [0, 1, 2].map(a => +(a === longest)) : [0, 0, 0];
function cutPlane(c) { // normal of the plane that opens the detector towards the eye, lengthwise
  const eye = basis(c)[2], along = dot(eye, lengthwise), n = eye.map((v, a) => v - along * lengthwise[a]), size = Math.hypot(...n);
  return size > 0.05 ? n.map(v => v / size) : [0, 0, 0];
}
const radius = Math.max(1, Math.hypot(...box.map(([low, high]) => high - low)) / 2);

let nextPlace = -1; // the view of the hits goes from shower to shower, the largest first
const places = (() => { // points around each
  if (!nHits) return [];
  const drawn = i => D.h_kind[i] !== NOWHERE, at = i => [...D.h_xyz.subarray(3 * i, 3 * i + 3)], near = 0.12 * radius;
  const all = Array.from({ length: nHits }, (_, i) => i).filter(drawn);
  if (!nCells) return [all.filter((_, k) => k % Math.max(1, all.length >> 12) === 0).map(at)];
  const seeds = [], value = i => D.h_energy?.[i] ?? 0;
  for (const i of all.sort((a, b) => value(b) - value(a))) {
    if (seeds.length < 12 && seeds.every(s => Math.hypot(...sub(at(s), at(i))) > near)) seeds.push(i);
  }
  return seeds.map(s => all.filter(i => Math.hypot(...sub(at(s), at(i))) < near).map(at));
})();
function aroundHits() { return around(places[nextPlace = (nextPlace + 1) % places.length]); }
function around(points) { // a box around the middle of what is there
  if (!points?.length) return everything;
  const ends = [0, 1, 2].map(a => { const x = points.map(p => p[a]).sort((p, q) => p - q), low = x[Math.floor(0.1 * x.length)], high = x[Math.ceil(0.9 * x.length) - 1], room = 0.2 * (high - low) + 0.01 * radius; return [low - room, high + room]; });
  return [0, 1, 2, 3, 4, 5, 6, 7].map(i => ends.map((e, a) => e[i >> a & 1]));
}
function fitted(name, size, cloud = name === "hits" ? aroundHits() : everything) { // the camera that shows everything in a view
  const c = { ...camera, ...VIEWS[name === "hits" ? "3d" : name], stretch: 1 }, aspect = size.w / size.h, margin = name === "3d" || name === "hits" ? 0.94 : 0.86;
  if (name === "rz") {
    const rho = cloud.reduce((m, p) => Math.max(m, Math.hypot(p[0], p[1])), 1), half = Math.max(1, (box[2][1] - box[2][0]) / 2);
    c.target = [middle[2], rho / 2, 0];
    c.h = rho / 2 / margin;
    c.stretch = margin * c.h * aspect / half;
    return c;
  }
  const [r, u, e] = basis(c), at = cloud.map(p => [dot(p, r), dot(p, u), dot(p, e)]);
  const center = [0, 1, 2].map(a => { let lo = Infinity, hi = -Infinity; for (const p of at) { lo = Math.min(lo, p[a]); hi = Math.max(hi, p[a]); } return (lo + hi) / 2; });
  c.target = [0, 1, 2].map(a => center[0] * r[a] + center[1] * u[a] + center[2] * e[a]);
  c.h = 1;
  for (const p of at) {
    const near = c.k * (p[2] - center[2]);
    c.h = Math.max(c.h, Math.abs(p[1] - center[1]) / margin + near, Math.abs(p[0] - center[0]) / aspect / margin + near);
  }
  return c;
}

function fly(to, milliseconds) {
  if (milliseconds <= 0) { Object.assign(camera, to); flight = null; return; }
  const from = { ...camera, target: [...camera.target] };
  from.az = to.az + Math.atan2(Math.sin(from.az - to.az), Math.cos(from.az - to.az)); // the short way round
  flight = { from, to, start: performance.now(), milliseconds };
}
function advance(now) { // true while the camera flies
  if (!flight) return false;
  const share = Math.min(1, (now - flight.start) / flight.milliseconds), s = share * share * (3 - 2 * share);
  const { from, to } = flight, mix = key => from[key] + (to[key] - from[key]) * s;
  for (const key of ["az", "el", "k", "flat"]) camera[key] = mix(key);
  for (const key of ["h", "stretch"]) camera[key] = Math.exp(Math.log(from[key]) * (1 - s) + Math.log(to[key]) * s);
  camera.target = from.target.map((v, a) => v + (to.target[a] - v) * s);
  if (share === 1) flight = null;
  return true;
}

function orbit(dx, dy) {
  camera.az -= dx * 0.006;
  camera.el = Math.max(-1.55, Math.min(1.55, camera.el + dy * 0.006));
}
function pan(dx, dy, size) { // pixels
  const [r, u] = basis(camera), step = 2 * camera.h / size.h;
  camera.target = camera.target.map((v, a) => v - r[a] * dx * step / camera.stretch + u[a] * dy * step);
}
function zoom(factor, x, y, size) { // about the point under the cursor
  const [dx, dy] = [x - size.w / 2, y - size.h / 2];
  pan(-dx, -dy, size);
  camera.h = Math.max(1e-3, Math.min(20 * radius, camera.h * factor));
  pan(dx, dy, size);
}

// The packed block of the page as typed arrays; see pack.py for how it was written.
// A page may hold several scenes; the link names the one that is drawn: page.html#scene=2
const asked = new URLSearchParams(location.hash.slice(1)).get("scene"), scene = document.getElementById(`about-${asked}`) ? +asked : 0;
const part = name => document.getElementById(scene ? `${name}-${scene}` : name);
const about = JSON.parse(part("about").textContent);
for (const sheet of document.querySelectorAll(".sheet")) if (+sheet.dataset.of !== scene) sheet.remove();
document.title = about.title;
const root = document.documentElement;

function fail(text) {
  root.dataset.state = "failed";
  const note = document.getElementById("note");
  note.hidden = false;
  note.textContent = text;
}

async function unpack() {
  const node = part("block");
  const text = atob(node.textContent.trim());
  node.remove();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(plain).arrayBuffer();
  const kinds = { uint8: Uint8Array, int16: Int16Array, int64: BigInt64Array, float32: Float32Array };
  const arrays = {};
  for (const { name, dtype, at, n, unit } of about.index) {
    const array = dtype === "int32" ? sums(new Uint8Array(buffer, at, 4 * n), n) : new kinds[dtype](buffer, at, n);
    arrays[name] = unit ? points(array, unit) : array;
  }
  return arrays;
}

function sums(planes, n) { // undo the differences and the planes of bytes
  const out = new Int32Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum = (sum + (planes[i] | planes[n + i] << 8 | planes[2 * n + i] << 16 | planes[3 * n + i] << 24)) | 0;
    out[i] = sum;
  }
  return out;
}

function points(fixed, unit) { // columns of fixed-point numbers to x, y, z of each point
  const n = fixed.length / 3, out = new Float32Array(3 * n);
  for (let axis = 0; axis < 3; axis++) for (let i = 0; i < n; i++) out[3 * i + axis] = fixed[axis * n + i] * unit;
  return out;
}

const D = await unpack();
const event = about.event, detector = about.detector;
const nSensors = D.s_row.length;
const nHits = event ? D.h_id.length : 0;
const nCells = D.c_cell?.length ?? 0; // cells with a signal
const nFound = event ? D.f_status.length : 0;
const nTrue = event && event.truth ? D.p_status.length : 0;
const nTracks = nFound + nTrue; // found tracks first, then particles

function trackHits(t) {
  const [offsets, rows, i] = t < nFound ? [D.f_offsets, D.f_hits, t] : [D.p_offsets, D.p_hits, t - nFound];
  return rows.subarray(offsets[i], offsets[i + 1]);
}
const trackLength = t => t < nFound ? D.f_offsets[t + 1] - D.f_offsets[t] : D.p_offsets[t - nFound + 1] - D.p_offsets[t - nFound];
const trackPt = t => t < nFound ? D.f_pt[t] : D.p_pt[t - nFound];
const trackStatus = t => t < nFound ? D.f_status[t] : D.p_status[t - nFound];
function partner(t) { // the particle of a found track, the found track of a particle, or -1
  if (t < 0) return -1;
  if (t >= nFound) return D.p_track[t - nFound];
  return D.f_particle[t] < 0 || D.f_status[t] === FAKE ? -1 : nFound + D.f_particle[t];
}
const [MATCHED, DUPLICATE, FAKE, FOUND, TRUE, MISSED, GENERATED] = [0, 1, 2, 3, 4, 5, 6];
const [ON_TRACK, UNASSIGNED, NOISE, NOWHERE] = [0, 1, 2, 3];

// Mouse, keys, buttons, the frame loop, and the hook through which tests and links drive the page.
const stage = document.getElementById("stage");
let dirty = true, hover = null, moved = 0, last = null, whole = true; // whole: nobody moved the camera since it was fitted
const size = () => ({ w: Math.max(1, stage.clientWidth), h: Math.max(1, stage.clientHeight) });

function refresh() { restyle(); for (const update of live) update(); dirty = true; }
function set(key, value) {
  if (key in state.show) state.show[key] = !!value; else if (key in state) state[key] = value;
  if (key === "theme") root.dataset.theme = value;
  refresh();
}
function look(name, milliseconds = 650) {
  view = name === "hits" ? "3d" : name;
  whole = name !== "hits";
  turn(pages.find(({ page }) => !page.hidden)?.page ?? null);
  fly(fitted(name, size()), milliseconds);
  dirty = true;
}
function near(particles) { // fly to what some particles left
  const points = [];
  for (let i = 0; i < nHits; i++) if (particles.includes(D.h_particle[i]) && D.h_kind[i] !== NOWHERE) points.push([...D.h_xyz.subarray(3 * i, 3 * i + 3)]);
  view = "3d";
  turn(null);
  whole = false;
  fly(fitted("3d", size(), around(points)), 650);
  dirty = true;
}
function render(ratio = Math.min(2, window.devicePixelRatio || 1)) {
  const s = size();
  canvas.width = Math.round(s.w * ratio);
  canvas.height = Math.round(s.h * ratio);
  gl.viewport(0, 0, canvas.width, canvas.height);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  paint(s, null);
  drawFrame(s, ratio);
}
let moving = 100000, before = 0, rested = true; // lines of cells while the picture moves; when the last frame began
function loop(now) {
  if (advance(now)) dirty = true;
  if (dirty) {
    const took = now - before; // from frame to frame, as long as it moves
    if (took < 1000) moving = Math.max(5000, Math.min(MOST_SEGMENTS, moving * (took > 90 ? 0.6 : took < 40 ? 1.3 : 1)));
    before = now;
    segmentsNow = moving;
    dirty = rested = false;
    render();
    root.dataset.state = "drawn";
  } else if (!rested && now - before > 250) { // at rest: everything
    rested = true;
    segmentsNow = MOST_SEGMENTS;
    render();
  }
  requestAnimationFrame(loop);
}

function select(found) { // a track, a sensor, or nothing
  const hit = event && found?.kind === "hit" ? found.index : -1;
  state.cluster = found?.kind === "cluster" ? found.index : hit >= 0 && (asCell[hit] || charged[hit]) ? D.h_cluster?.[hit] ?? -1 : -1;
  state.selected = found?.kind === "track" ? found.index : hit >= 0 && state.cluster < 0 ? trackOf(hit) : -1;
  state.sensor = found?.kind === "sensor" ? found.index : -1;
  choosePart(found?.kind === "particle" ? found.index : -1);
  card.hidden = !found;
  if (found) {
    fill(card, describe(found));
    if (state.cluster >= 0 && found.kind === "hit") { const more = make("div"); fill(more, describeCluster(state.cluster)); card.append(more); }
    if (found.kind === "track") card.append(make("p", { className: "hits" }, "Hits: " + [...trackHits(found.index)].map(i => D.h_id[i]).join(", ")));
    card.prepend(make("button", { className: "close", title: "Clear (Esc)", onclick: () => select(null) }, "×"));
  }
  refresh();
}
const trackOf = i => D.h_track[i] >= 0 ? D.h_track[i] : D.h_particle[i] >= 0 ? nFound + D.h_particle[i] : -1;
function search(text) {
  const wanted = text.trim();
  if (!wanted) return select(null);
  const particle = nTrue ? [...D.p_id].findIndex(id => String(id) === wanted) : -1;
  const index = /^\d+$/.test(wanted) && +wanted < nFound ? +wanted : particle < 0 ? -1 : nFound + particle;
  if (index >= 0) return select({ kind: "track", index });
  select(null);
  fill(card, { title: `No track or particle ${wanted}`, rows: [] });
  card.hidden = false;
}
function under(x, y, s) { // what is under the cursor, and of a sensor also the cell
  const found = flowUnder(x, y, s) ?? pick(x, y, s);
  if (found?.kind === "sensor") found.cell = cellUnder(found.index, x, y, s);
  return found;
}
function tell(x, y) {
  const s = size();
  hover = under(x, y, s);
  tip.hidden = !hover;
  canvas.style.cursor = hover ? "pointer" : "";
  if (!hover) return null;
  fill(tip, describe(hover));
  tip.style.left = `${Math.min(x + 16, s.w - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.max(8, Math.min(y + 14, s.h - tip.offsetHeight - 8))}px`;
  return hover;
}

function picture(ratio = 2) { // the view with frame, title and legend as one canvas
  segmentsNow = MOST_SEGMENTS;
  render(ratio);
  const s = size(), out = make("canvas", { width: canvas.width, height: canvas.height }), pen = out.getContext("2d");
  pen.fillStyle = css("--back");
  pen.fillRect(0, 0, out.width, out.height);
  pen.drawImage(canvas, 0, 0);
  pen.drawImage(over, 0, 0);
  pen.scale(ratio, ratio);
  pen.fillStyle = css("--ink");
  pen.font = "600 16px system-ui, 'DejaVu Sans', sans-serif";
  pen.fillText(about.title, view === "3d" ? 18 : 72, 30);
  pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
  let y = 52;
  STATUS.forEach((key, status) => {
    let n = 0;
    for (let t = 0; t < nTracks; t++) n += trackStatus(t) === status && visible(t);
    if (!n || state.colour !== "status") return;
    const x = view === "3d" ? 18 : 72;
    pen.fillStyle = inks().tracks[status]; pen.fillRect(x, y - 5, 18, 3);
    pen.fillStyle = css("--soft"); pen.fillText(`${LABELS[key]}: ${many(n)}`, x + 26, y);
    y += 18;
  });
  dirty = true;
  return out;
}
function save() {
  picture().toBlob(blob => {
    const link = make("a", { href: URL.createObjectURL(blob), download: `${event ? `event-${event.number}` : "detector"}-${view}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
  }, "image/png");
}

const usual = { show: {} }; // what the page opened with: the address tells only what is different
function address() { // the link to what is seen now: view, camera, switches, and what is chosen
  const link = new URLSearchParams(), put = (key, value) => link.set(key, value);
  if (scene) put("scene", scene);
  put("view", view);
  put("camera", [camera.az, camera.el, camera.h, ...camera.target].map(v => +v.toPrecision(6)).join(","));
  put("theme", state.theme);
  for (const key of ["pt", "hits", "size", "glass", "least", "colour", "paint", "shade"]) if (state[key] !== usual[key]) put(key, state[key]);
  for (const key in state.show) if (state.show[key] !== usual.show[key]) put(key, state.show[key] ? 1 : 0);
  if (state.solo >= 0) put("layer", state.solo);
  if (state.selected >= 0) put("track", state.selected < nFound ? state.selected : D.p_id[state.selected - nFound]);
  if (state.cluster >= 0) put("cluster", state.cluster);
  if (state.particle >= 0) put("particle", state.particle);
  if (state.sensor >= 0) put("sensor", D.s_row[state.sensor]);
  const sheet = pages.find(({ page }) => !page.hidden);
  if (sheet) put("sheet", sheet.page.dataset.title.toLowerCase());
  return link.toString();
}
function share() { // puts the view into the address, and that on the clipboard where the browser allows it
  location.hash = address();
  const note = document.getElementById("note"), say = text => { note.textContent = text; note.hidden = false; setTimeout(() => { note.hidden = true; }, 2500); };
  const written = navigator.clipboard?.writeText(location.href) ?? Promise.reject(new Error("no clipboard"));
  written.then(() => say("The address of this view is copied."), () => say("The address line now leads to this view."));
}

const buttons = {};
for (const [key, text, title] of [["3d", "3D", "Turn freely (1)"], ["xy", "x–y", "Along the z axis (2)"], ["rz", "ρ–z", "Every point at its distance from the z axis (3)"]]) {
  buttons[key] = make("button", { title, onclick: () => { turn(null); look(key); } }, text);
}
const pages = [...document.querySelectorAll(".sheet")].map(page => {
  const button = make("button", { title: page.dataset.title, onclick: () => turn(page.hidden ? page : null) }, page.dataset.title);
  return { page, button };
});
function turn(to) { // show one of the flat pages, or none
  for (const { page, button } of pages) { page.hidden = page !== to; button.classList.toggle("on", page === to); }
  for (const [key, button] of Object.entries(buttons)) button.classList.toggle("on", !to && key === view);
}
for (const row of document.querySelectorAll("tr[data-cluster]")) row.onclick = () => { turn(null); select({ kind: "cluster", index: +row.dataset.cluster }); };
for (const row of document.querySelectorAll("tr[data-scene]")) {
  row.onclick = () => { location.hash = `scene=${row.dataset.scene}&theme=${state.theme}`; location.reload(); };
  row.classList.toggle("on", +row.dataset.scene === scene);
}
for (const row of document.querySelectorAll("tr[data-near]")) row.onclick = () => near(row.dataset.near.split(",").map(Number));
const close = nHits ? [make("button", { title: "From shower to shower, or all hits (4)", onclick: () => { turn(null); look("hits"); } }, "Hits")] : [];
document.getElementById("bar").append(...Object.values(buttons), ...close, ...pages.map(({ button }) => button),
  make("button", { title: "Light or dark (L)", onclick: () => set("theme", state.theme === "dark" ? "light" : "dark") }, "◐"),
  make("button", { title: "Put this view into the address, to share or to keep it", onclick: share }, "Link"),
  make("button", { title: "Save the picture as PNG", onclick: save }, "PNG"),
  make("button", { title: "Show or hide the panel (P)", onclick: () => { panel.hidden = !panel.hidden; dirty = true; } }, "☰"));

const here = e => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
const fingers = new Map();
canvas.addEventListener("pointerdown", e => { canvas.setPointerCapture(e.pointerId); fingers.set(e.pointerId, here(e)); last = here(e); moved = 0; tip.hidden = true; });
canvas.addEventListener("pointermove", e => {
  const [x, y] = here(e);
  if (!fingers.has(e.pointerId)) { queued = [x, y]; return; }
  const before = fingers.get(e.pointerId);
  fingers.set(e.pointerId, [x, y]);
  if (fingers.size === 2) { pinch(before, [x, y], e.pointerId); return; }
  const [dx, dy] = [x - last[0], y - last[1]];
  last = [x, y];
  moved += Math.abs(dx) + Math.abs(dy);
  flight = null;
  whole = false;
  if (view !== "3d" || e.shiftKey || e.buttons & 6) pan(dx, dy, size()); else orbit(dx, dy);
  dirty = true;
});
function pinch(before, after, id) {
  const other = [...fingers].find(([key]) => key !== id)[1], far = (a, b) => Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
  zoom(far(before, other) / far(after, other), (after[0] + other[0]) / 2, (after[1] + other[1]) / 2, size());
  moved += 10;
  whole = false;
  dirty = true;
}
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, e => {
  if (fingers.delete(e.pointerId) && moved < 4 && name === "pointerup" && e.button === 0) select(under(...here(e), size()));
});
canvas.addEventListener("pointerleave", () => { queued = null; tip.hidden = true; });
canvas.addEventListener("contextmenu", e => e.preventDefault());
canvas.addEventListener("dblclick", () => look(view));
canvas.addEventListener("wheel", e => { e.preventDefault(); flight = null; whole = false; zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.003), ...here(e), size()); dirty = true; }, { passive: false });
canvas.addEventListener("webglcontextlost", () => fail("The graphics driver gave up; reload the page."));
let queued = null;
setInterval(() => { if (queued && !flight) { const at = queued; queued = null; tell(...at); } }, 60);
addEventListener("keydown", e => {
  if (e.target.tagName === "INPUT" && e.target.type === "search" || e.ctrlKey || e.metaKey || e.altKey) return;
  const act = { 1: () => { turn(null); look("3d"); }, 2: () => { turn(null); look("xy"); }, 3: () => { turn(null); look("rz"); }, l: () => set("theme", state.theme === "dark" ? "light" : "dark"),
    4: () => { if (nHits) look("hits"); }, p: () => { panel.hidden = !panel.hidden; dirty = true; }, "[": () => solo(-1), "]": () => solo(1), Escape: () => { turn(null); select(null); } }[e.key.length === 1 ? e.key.toLowerCase() : e.key];
  act?.();
});
new ResizeObserver(() => { if (whole) look(view, 0); dirty = true; }).observe(stage);

function start() {
  const link = new URLSearchParams(location.hash.slice(1)); // page.html#view=3d&theme=light&pt=2&zoom=1.2&track=7
  let above = 0;
  for (let t = 0; t < nTracks; t++) above += trackPt(t) >= 1;
  if (above > 30) state.pt = 1; // GeV: the tracks that most people look for, where there are enough of them
  let longest = 0;
  for (let p = 0; p < nTrue; p++) longest = Math.max(longest, trackLength(nFound + p));
  state.hits = nTrue ? Math.min(9, Math.max(3, longest >> 1)) : 1;
  if (D.s_hits) state.shade = "density";
  if (event?.clusters) state.paint = "cluster";
  state.theme = link.get("theme") ?? "dark";
  if (!(state.theme in INKS)) state.theme = "dark";
  root.dataset.theme = state.theme;
  Object.assign(usual, { ...state, show: { ...state.show } });
  for (const [key, value] of link) {
    if (key in state.show) state.show[key] = value !== "0";
    else if (["pt", "hits", "size", "glass", "least"].includes(key) && Number.isFinite(+value)) state[key] = +value;
    else if (key === "colour") state.colour = value;
    else if (key === "paint" && ["energy", "particle", "cluster"].includes(value)) state.paint = value;
    else if (key === "shade" && (value in SHADES || value === "subsystem")) state.shade = value;
  }
  panel.hidden = link.get("panel") === "0";
  document.getElementById("bar").hidden = link.get("bar") === "0";
  document.getElementById("note").hidden = true;
  buildPanel();
  refresh();
  look(link.get("view") in VIEWS || link.get("view") === "hits" && nHits ? link.get("view") : "3d", 0);
  if (+link.get("zoom") > 0) { camera.h /= +link.get("zoom"); whole = false; }
  const placed = (link.get("camera") ?? "").split(",").map(Number);
  if (placed.length === 6 && placed.every(Number.isFinite) && placed[2] > 0) {
    Object.assign(camera, { az: placed[0], el: placed[1], h: placed[2], target: placed.slice(3) });
    whole = false;
  }
  if (link.get("layer")) only(+link.get("layer"));
  if (link.get("sensor")) select({ kind: "sensor", index: placeOf.get(+link.get("sensor")) ?? 0 });
  for (const { page } of pages) if (page.dataset.title.toLowerCase() === link.get("sheet")) turn(page);
  if (+link.get("cluster") < (event?.clusters?.count ?? 0) && link.get("cluster")) select({ kind: "cluster", index: +link.get("cluster") });
  if (link.get("track")) search(link.get("track"));
  if (+link.get("particle") < nFlow && link.get("particle")) select({ kind: "particle", index: +link.get("particle") });
  requestAnimationFrame(loop);
}
start();
window.gnnreco = { state, parts: () => parts, camera, set, look, select, search, tell, only, turn, address, lod, project: p => project(p, size()), picture, render, size, data: D, counts: { hits: nHits, found: nFound, particles: nTrue, sensors: nSensors, cells: nCells, flow: nFlow } };

// Buffers, textures, the drawing itself, and what is under the cursor.

const gpu = { hits: null, lines: null, sensors: [], cellColour: null, cellSize: null, style: gl.createTexture() };
const placed = (program, center, u, v, colour, at) => { // attributes of a sensor's placement from buffers of any kind
  attribute(program, "iCenter", center, 3, { divisor: 1, offset: 12 * at });
  attribute(program, "iU", u, 3, { divisor: 1, type: gl.SHORT, norm: true, stride: 6, offset: 6 * at });
  attribute(program, "iV", v, 3, { divisor: 1, type: gl.SHORT, norm: true, stride: 6, offset: 6 * at });
  attribute(program, "iColour", colour, 4, { divisor: 1, type: gl.UNSIGNED_BYTE, norm: true, offset: 4 * at });
};
(function arrange() {
  const center = buffer(D.s_center), u = buffer(D.s_u), v = buffer(D.s_v), { sensor } = programs;
  gpu.sensorColour = buffer(sensorColour);
  let first = 0;
  detector.templates.forEach((template, g) => {
    const { lines, faces } = prism(template, D[`outline:${g}`]), start = first;
    const vao = data => arrangement(() => { attribute(sensor, "aCorner", buffer(data), 3); placed(sensor, center, u, v, gpu.sensorColour, start); });
    gpu.sensors.push({ first, solid: isSolid(template, D[`outline:${g}`]), count: template.sensors, lines: { n: lines.length / 3, vao: vao(lines) }, faces: { n: faces.length / 3, vao: vao(faces) } });
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

function upload() {
  gl.bindTexture(gl.TEXTURE_2D, gpu.style);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 2048, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, trackStyle);
  for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.NEAREST);
  for (const [where, data] of [[gpu.sensorColour, sensorColour], [gpu.hitColour, hitColour], [gpu.hitSize, hitSize], [gpu.cellColour, cellColour], [gpu.cellSize, cellSize]]) {
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
  gl.uniform1f(u.uDeep, 0.2 / radius);
  for (const [name, value] of Object.entries(more)) {
    if (Array.isArray(value)) gl.uniform3f(u[name], ...value); else gl.uniform1f(u[name], value);
  }
  return u;
}

function paint(size, cursor) { // onto the bound target; with a cursor, in colours that are numbers
  const { show } = state, pick = cursor !== null, ratio = pick ? 1 : canvas.width / size.w;
  pick ? gl.disable(gl.BLEND) : gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const crowd = Math.max(0.32, Math.min(1.6, 22 / Math.sqrt(shownSensors + 1))) * state.glass * (event ? 1 : 1.6) * (gpu.sensors.every(g => g.solid) ? 0.6 : 1)
    * (event && nCells ? Math.max(0.1, Math.min(1, camera.h / (0.5 * radius))) : 1); // near a shower one wants to see the shower
  const place = { uMiddle: middle, uNear: cutPlane(camera), uRadius: radius, uCut: show.cut ? 1 : 0, uStrength: crowd * (state.selected >= 0 ? 0.55 : 1), uFloor: Math.max(0.1, Math.min(0.9, 6 / Math.sqrt(shownSensors + 1))) };
  const layers = state.layers.reduce((n, on) => n + on, 0), stacked = layers > 6 && shownSensors < 40 * layers ? Math.max(0.12, 6 / layers) : 1; // large sheets behind each other
  const sensors = (mode, face, part) => {
    const u = use(programs.sensor, size, cursor, { ...place, uFace: face });
    for (const group of gpu.sensors) {
      if (!group.count) continue;
      gl.uniform1ui(u.uBase, group.first);
      gl.uniform1f(u.uFace, face * (group.solid ? 0.4 : 1) * stacked); // one looks through many walls
      gl.bindVertexArray(group[part].vao);
      gl.drawArraysInstanced(mode, 0, group[part].n, group.count);
    }
  };
  if (show.faces && camera.flat < 0.5 || pick) sensors(gl.TRIANGLES, 0.22, "faces");
  if (show.outlines || pick) sensors(gl.LINES, 0, "lines");
  if (show.cells && !pick) paintCells(size, { ...place, uStrength: 1 });
  paintFired(size, cursor, place);
  const hits = (uLeast, uMost, scale = 1) => {
    if (!event || !nHits) return;
    use(programs.hit, size, cursor, { uSize: scale * state.size * ratio / 16, uLeast, uMost });
    gl.bindVertexArray(gpu.hits);
    gl.drawArrays(gl.POINTS, 0, nHits);
  };
  if (nCells && smallCell * size.h / (2 * camera.h) < 5) hits(1, DOTS, 4); // cells that are too far away to be seen
  hits(DOTS + 1, largeHit - 1);
  if (event && D.line.length > 1) {
    use(programs.line, size, cursor, { uGlow: ratio, uDash: camera.h * 0.05 });
    gl.bindTexture(gl.TEXTURE_2D, gpu.style);
    gl.bindVertexArray(gpu.lines);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, D.line.length - 1);
  }
  hits(largeHit, 255); // hits of the lines stand on their lines
  gl.bindVertexArray(null);
}

const DOTS = 15; // sizes up to this are those of cells seen as points
const smallCell = Math.min(...detector.templates.filter((t, g) => t.sensors).map(t => Math.max(...t.pitch)));
const PATCH = 13; // pixels around the cursor that are looked at
const patch = gl.createFramebuffer();
(function () {
  const target = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, target);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, PATCH, PATCH, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
  gl.bindFramebuffer(gl.FRAMEBUFFER, patch);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
  const depth = gl.createRenderbuffer();
  gl.bindRenderbuffer(gl.RENDERBUFFER, depth);
  gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT16, PATCH, PATCH);
  gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, depth);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
})();

function pick(x, y, size) { // what is under the cursor: {kind: hit | track | sensor, index}, or null
  gl.bindFramebuffer(gl.FRAMEBUFFER, patch);
  gl.viewport(0, 0, PATCH, PATCH);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
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

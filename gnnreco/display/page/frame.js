// Axes, scales and lines of equal pseudorapidity, on a flat canvas above the picture.
const over = document.getElementById("over");
const css = name => getComputedStyle(root).getPropertyValue(name).trim();

function tidy(span, parts) { // a round step that divides `span` into about `parts`
  const raw = span / parts, ten = 10 ** Math.floor(Math.log10(raw));
  return ten * [1, 2, 5, 10].find(m => m * ten >= raw);
}
const plain = (value, step) => value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));

function drawFrame(size, ratio) {
  over.width = Math.round(size.w * ratio);
  over.height = Math.round(size.h * ratio);
  const pen = over.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  drawFlow(pen, size);
  pen.lineWidth = 1;
  if (flight) return;
  if (view === "3d") triad(pen, size); else axes(pen, size);
}

function triad(pen, size) {
  const [r, u] = basis(camera), at = [46, size.h - 46];
  ["x", "y", "z"].forEach((name, a) => {
    const end = [at[0] + 30 * r[a], at[1] - 30 * u[a]];
    pen.strokeStyle = pen.fillStyle = css("--soft");
    pen.beginPath(); pen.moveTo(...at); pen.lineTo(...end); pen.stroke();
    pen.fillText(name, at[0] + 40 * r[a] - 3, at[1] - 40 * u[a] + 4);
  });
  const span = 2 * camera.h / size.h * 160, step = tidy(span, 1.6), length = step / (2 * camera.h / size.h);
  pen.fillText(step >= 1000 ? `${step / 1000} m` : `${step} mm`, 104, size.h - 26);
  pen.beginPath(); pen.moveTo(104, size.h - 20); pen.lineTo(104 + length, size.h - 20); pen.stroke();
}

function axes(pen, size) {
  const flat = view === "rz", halfW = camera.h * size.w / size.h / camera.stretch, [cx, cy] = camera.target;
  const x = v => ((v - cx) / halfW + 1) / 2 * size.w, y = v => (1 - (v - cy) / camera.h) / 2 * size.h;
  if (flat) etaLines(pen, size, x, y);
  pen.strokeStyle = css("--line"); pen.fillStyle = css("--soft");
  const left = 58, bottom = size.h - 38;
  pen.save(); pen.globalAlpha = 0.86; pen.fillStyle = css("--back");
  pen.fillRect(0, 0, left, size.h); pen.fillRect(left, bottom, size.w, 38);
  pen.restore();
  pen.beginPath(); pen.moveTo(left, 0); pen.lineTo(left, bottom); pen.lineTo(size.w, bottom); pen.stroke();
  const sx = tidy(2 * halfW, size.w / 130), sy = tidy(2 * camera.h, size.h / 90);
  pen.textAlign = "center";
  for (let v = Math.ceil((cx - halfW) / sx) * sx; v <= cx + halfW; v += sx) {
    if (x(v) < left + 4) continue;
    pen.beginPath(); pen.moveTo(x(v), bottom); pen.lineTo(x(v), bottom + 5); pen.stroke();
    pen.fillText(plain(v, sx), x(v), bottom + 17);
  }
  pen.textAlign = "right";
  for (let v = Math.ceil((cy - camera.h) / sy) * sy; v <= cy + camera.h; v += sy) {
    if (y(v) > bottom - 4 || flat && v < -1e-9) continue;
    pen.beginPath(); pen.moveTo(left, y(v)); pen.lineTo(left - 5, y(v)); pen.stroke();
    pen.fillText(plain(v, sy), left - 9, y(v) + 4);
  }
  pen.fillStyle = css("--ink");
  pen.fillText(flat ? "z [mm]" : "x [mm]", size.w - 16, bottom + 31);
  pen.save(); pen.translate(13, 58); pen.rotate(-Math.PI / 2);
  pen.fillText(flat ? "ρ [mm]" : "y [mm]", 0, 0);
  pen.restore();
  pen.textAlign = "left";
}

function etaLines(pen, size, x, y) {
  const rho = cloud.reduce((m, p) => Math.max(m, Math.hypot(p[0], p[1])), 0);
  pen.setLineDash([3, 5]);
  pen.strokeStyle = css("--line"); pen.fillStyle = css("--soft");
  for (const eta of [-4, -3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4]) {
    const slope = Math.sinh(eta); // z / rho
    let far = rho * 1.03;
    if (slope > 0) far = Math.min(far, box[2][1] * 1.02 / slope);
    if (slope < 0) far = Math.min(far, box[2][0] * 1.02 / slope);
    if (!(far > 0)) continue;
    pen.beginPath(); pen.moveTo(x(0), y(0)); pen.lineTo(x(far * slope), y(far)); pen.stroke();
    pen.textAlign = Math.abs(far - rho * 1.03) < 1e-6 ? "center" : slope > 0 ? "left" : "right";
    pen.fillText(eta === 0 ? "η = 0" : String(eta), x(far * slope) + (pen.textAlign === "left" ? 4 : pen.textAlign === "right" ? -4 : 0), y(far) - 5);
  }
  pen.textAlign = "left";
  pen.setLineDash([]);
}

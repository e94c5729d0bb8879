// The four programs (sensors, cells with a signal, hits, lines), each also drawn in colours that are numbers, for the cursor.
const COMMON = `#version 300 es
precision highp float; precision highp int;
uniform mat3 uView; uniform vec3 uTarget; uniform vec3 uScale; uniform float uFlat; uniform vec4 uCursor;
uniform vec2 uPixel; uniform bool uPick; uniform float uDeep;
vec3 world(vec3 p) { return mix(p, vec3(p.z, length(p.xy), 0.), uFlat); }
vec4 clip(vec3 p) {
  vec3 v = (world(p) - uTarget) * uView;
  float w = 1. - v.z * uScale.z;
  return vec4((v.xy * uScale.xy - uCursor.xy * w) * uCursor.zw, -v.z * uDeep, w);
}
vec4 number(uint kind, uint i) { uint n = i + 1u | kind << 30; return vec4(n & 255u, n >> 8 & 255u, n >> 16 & 255u, n >> 24) / 255.; }
`;
const FRAGMENT = `#version 300 es
precision highp float;
uniform bool uPick;
in vec4 vColour; out vec4 colour;
vec4 blend(vec4 c) { return vec4(c.rgb * c.a, c.a); }
`;
const SHADERS = {
  sensor: [COMMON + `
    in vec3 aCorner, iCenter, iU, iV; in vec4 iColour;
    uniform vec3 uMiddle, uNear; uniform float uRadius, uCut, uFace, uStrength, uFloor; uniform uint uBase;
    out vec4 vColour;
    void main() {
      gl_Position = clip(iCenter + aCorner.x * iU + aCorner.y * iV + aCorner.z * cross(iU, iV));
      vec3 normal = normalize(cross(iU, iV)) * uView;
      float edge = mix(1. - normal.z * normal.z, 1., uFlat), near = dot(iCenter - uMiddle, uNear) / uRadius;
      float cut = mix(1., 1. - smoothstep(.01, .05, near), uCut * (1. - uFlat));
      float strength = uFace < 0. ? -uFace : uFace > 0. ? uFace * (.25 + .75 * edge) : mix(uFloor, 1., edge * edge); // of many sensors, those seen edge-on tell the most
      vColour = uPick ? number(3u, uBase + uint(gl_InstanceID)) : vec4(iColour.rgb, iColour.a * strength * cut * uStrength);
      if (iColour.a == 0. || cut < .02) gl_Position = vec4(2., 2., 2., 1.);
    }`, FRAGMENT + `void main() { colour = uPick ? vColour : blend(vColour); }`],
  fired: [COMMON + `
    in int iSensor, iShape, iIndex; in vec2 iPlace; in vec4 iColour; in float iSize;
    uniform highp sampler2D uSensors, uShapes; uniform vec3 uMiddle, uNear; uniform float uRadius, uCut, uLeast, uCorners, uSolid;
    out vec4 vColour;
    vec2 corner(int c, int n) { int i = iShape * n + c; return texelFetch(uShapes, ivec2(i & 1023, i >> 10), 0).xy; }
    void main() {
      int n = int(uCorners), id = gl_VertexID, c = 0; float half_ = 0.; bool wall = false;
      if (uSolid > 0.) {
        if (id < 6 * n) { int q = id % 6; wall = true; c = (id / 6 + (q == 1 || q == 2 || q == 4 ? 1 : 0)) % n; half_ = q == 2 || q > 3 ? .5 : -.5; }
        else { id -= 6 * n; half_ = id < 3 * (n - 2) ? -.5 : .5; id = id % (3 * (n - 2)); }
      }
      if (!wall) c = id % 3 == 0 ? 0 : id / 3 + id % 3;
      ivec2 at = ivec2((iSensor & 255) * 4, iSensor >> 8);
      vec4 a = texelFetch(uSensors, at, 0), u = texelFetch(uSensors, at + ivec2(1, 0), 0), v = texelFetch(uSensors, at + ivec2(2, 0), 0), f = texelFetch(uSensors, at + ivec2(3, 0), 0);
      vec3 normal = cross(u.xyz, v.xyz), face = normal;
      vec2 p = iPlace + iSize * corner(c, n); float w = half_ * a.w;
      if (f.w > 0.) p = f.xy + (p - f.xy) * (f.z - w) / f.z;
      if (wall) { int j = gl_VertexID / 6; vec2 d = corner((j + 1) % n, n) - corner(j, n); face = length(d) > 0. ? (d.y * u.xyz - d.x * v.xyz) / length(d) : normal; }
      gl_Position = clip(a.xyz + p.x * u.xyz + p.y * v.xyz + w * normal);
      float light = mix(.62 + .38 * abs((normalize(face) * uView).z), 1., uFlat), near = dot(a.xyz - uMiddle, uNear) / uRadius;
      vColour = uPick ? number(1u, uint(iIndex)) : vec4(iColour.rgb * light, iColour.a);
      if (iSize == 0.) gl_Position = vec4(2., 2., 2., 1.);
    }`, FRAGMENT + `void main() { colour = uPick ? vColour : blend(vColour); }`],
  hit: [COMMON + `
    in vec3 aPoint; in vec4 aColour; in float aSize; uniform float uSize, uLeast, uMost;
    out vec4 vColour;
    void main() {
      gl_Position = clip(aPoint);
      gl_PointSize = uPick ? max(3., aSize * uSize) : aSize * uSize + .7;
      vColour = uPick ? number(1u, uint(gl_VertexID)) : aColour;
      if (aSize == 0. || aSize < uLeast || aSize > uMost) gl_Position = vec4(2., 2., 2., 1.);
    }`, FRAGMENT + `void main() {
      if (uPick) { colour = vColour; return; }
      float r = length(gl_PointCoord - .5) * 2.;
      if (r > 1.) discard;
      colour = blend(vec4(vColour.rgb, vColour.a * (1. - smoothstep(.55, 1., r))));
    }`],
  line: [COMMON + `
    in vec3 iA, iB; in int iTrackA, iTrackB; in float iWayA, iWayB;
    uniform highp sampler2D uStyle; uniform float uGlow;
    out vec4 vColour; out float vSide, vHalf, vWay, vDash, vGlow;
    void main() {
      gl_Position = vec4(2., 2., 2., 1.);
      ivec2 texel = ivec2((iTrackA & 1023) * 2, iTrackA >> 10);
      vec4 tint = texelFetch(uStyle, texel, 0), more = texelFetch(uStyle, texel + ivec2(1, 0), 0);
      vColour = uPick ? number(2u, uint(iTrackA)) : tint; vSide = vHalf = vWay = vDash = vGlow = 0.;
      if (iTrackA != iTrackB || tint.a == 0.) return;
      vec4 a = clip(iA), b = clip(iB); float wayA = iWayA, wayB = iWayB;
      if (max(a.w, b.w) < .02) return;
      if (a.w < .02) { float s = (.02 - a.w) / (b.w - a.w); a = mix(a, b, s); wayA = mix(wayA, wayB, s); }
      if (b.w < .02) { float s = (.02 - b.w) / (a.w - b.w); b = mix(b, a, s); wayB = mix(wayB, wayA, s); }
      vec2 along = (b.xy / b.w - a.xy / a.w) / uPixel;
      float size = length(along);
      along = size > 1e-4 ? along / size : vec2(1., 0.);
      float width = more.r * 255. / 16. * uGlow, reach = uPick ? max(width, 3.) : width / 2. + 1. + (more.g > 0. ? 2. * width : 0.);
      float side = float(gl_VertexID & 1) * 2. - 1.; bool last = gl_VertexID > 1;
      vec4 p = last ? b : a;
      p.xy += vec2(-along.y, along.x) * side * reach * uPixel * p.w;
      gl_Position = p; vSide = side * reach; vHalf = width / 2.; vWay = last ? wayB : wayA; vDash = more.b; vGlow = more.g;
    }`, FRAGMENT + `
    in float vSide, vHalf, vWay, vDash, vGlow; uniform float uDash;
    void main() {
      if (uPick) { colour = vColour; return; }
      if (vDash > 0. && fract(vWay / uDash) > .6) discard;
      float d = abs(vSide), core = vColour.a * (1. - smoothstep(vHalf - .5, vHalf + .6, d));
      float halo = vColour.a * vGlow * .5 * exp(-d * d / (2.5 * vHalf * vHalf + .5)); // adds light, hides nothing
      colour = vec4(vColour.rgb * max(core, halo), core * .92);
    }`],
};

const canvas = document.getElementById("gl");
const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true, preserveDrawingBuffer: false });
if (!gl) { fail("This page needs WebGL 2, which this browser has switched off or lacks."); throw new Error("no WebGL 2"); }

function compile([vertex, fragment]) {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  const uniforms = {};
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const { name } = gl.getActiveUniform(program, i);
    uniforms[name] = gl.getUniformLocation(program, name);
  }
  return { program, uniforms, at: name => gl.getAttribLocation(program, name) };
}
const programs = Object.fromEntries(Object.entries(SHADERS).map(([name, source]) => [name, compile(source)]));

function buffer(data) {
  const b = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, b);
  gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
  return b;
}
function table(data, channels) { // a float texture, 1024 texels wide
  const t = gl.createTexture(), rows = Math.max(1, Math.ceil(data.length / channels / 1024)), full = new Float32Array(rows * 1024 * channels);
  full.set(data);
  gl.bindTexture(gl.TEXTURE_2D, t);
  gl.texImage2D(gl.TEXTURE_2D, 0, channels === 2 ? gl.RG32F : gl.RGBA32F, 1024, rows, 0, channels === 2 ? gl.RG : gl.RGBA, gl.FLOAT, full);
  for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.NEAREST);
  return t;
}
function attribute(program, name, data, size, { type = gl.FLOAT, norm = false, stride = 0, offset = 0, divisor = 0, whole = false } = {}) {
  const at = program.at(name);
  if (at < 0) return;
  gl.bindBuffer(gl.ARRAY_BUFFER, data);
  gl.enableVertexAttribArray(at);
  if (whole) gl.vertexAttribIPointer(at, size, type, stride, offset);
  else gl.vertexAttribPointer(at, size, type, norm, stride, offset);
  gl.vertexAttribDivisor(at, divisor);
}
function arrangement(fill) { // a vertex array object
  const vao = gl.createVertexArray();
  gl.bindVertexArray(vao);
  fill();
  gl.bindVertexArray(null);
  return vao;
}

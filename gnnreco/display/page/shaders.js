// The three programs (sensors, hits, lines), each also drawn in colours that are numbers, for the cursor.
const COMMON = `#version 300 es
precision highp float; precision highp int;
uniform mat3 uView; uniform vec3 uTarget; uniform vec3 uScale; uniform float uFlat; uniform vec4 uCursor;
uniform vec2 uPixel; uniform bool uPick;
vec3 world(vec3 p) { return mix(p, vec3(p.z, length(p.xy), 0.), uFlat); }
vec4 clip(vec3 p) {
  vec3 v = (world(p) - uTarget) * uView;
  float w = 1. - v.z * uScale.z;
  return vec4((v.xy * uScale.xy - uCursor.xy * w) * uCursor.zw, 0., w);
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
    in vec2 aCorner; in vec3 iCentre, iU, iV; in vec4 iColour;
    uniform vec3 uMiddle, uNear; uniform float uRadius, uCut, uFace, uStrength, uFloor; uniform uint uBase;
    out vec4 vColour;
    void main() {
      gl_Position = clip(iCentre + aCorner.x * iU + aCorner.y * iV);
      vec3 normal = normalize(cross(iU, iV)) * uView;
      float edge = mix(1. - normal.z * normal.z, 1., uFlat), near = dot(iCentre - uMiddle, uNear) / uRadius;
      float cut = mix(1., 1. - smoothstep(.01, .05, near), uCut * (1. - uFlat));
      float strength = uFace > 0. ? uFace * (.25 + .75 * edge) : mix(uFloor, 1., edge * edge); // of many sensors, those seen edge-on tell the most
      vColour = uPick ? number(3u, uBase + uint(gl_InstanceID)) : vec4(iColour.rgb, iColour.a * strength * cut * uStrength);
      if (iColour.a == 0. || cut < .02) gl_Position = vec4(2., 2., 2., 1.);
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

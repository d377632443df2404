// Shader programs of solids.ts.

// Vertex shader of any shape, for the picture and for the shadow map.
export const VERTEX = `#version 300 es
layout(location = 0) in vec4 corner; // position in the unit shape, and the half it belongs to
layout(location = 1) in vec3 upright;
layout(location = 2) in vec4 size; // scale, and the distance between the halves
layout(location = 3) in vec4 paint; // colour, and the offset towards the camera
layout(location = 4) in vec3 at;
layout(location = 5) in mat3 turn;
uniform mat4 seen, lit;
uniform bool throws; // draw only shapes that cast a shadow
out vec3 place, normal, shaded;
out vec3 colour;
void main() {
  place = at + turn * (corner.xyz * size.xyz + vec3(0, 0, corner.w * size.w));
  normal = normalize(turn * (upright / size.xyz));
  shaded = (lit * vec4(place + 0.006 * normal, 1)).xyz * 0.5 + 0.5;
  colour = paint.rgb;
  gl_Position = throws && paint.a > 0.0 ? vec4(2, 2, 2, 1) : seen * vec4(place, 1);
  gl_Position.z -= paint.a * gl_Position.w;
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DShadow;
uniform sampler2DShadow shadows;
uniform vec3 sun, eye;
uniform float ambient, texel;
in vec3 place, normal, shaded, colour;
out vec4 pixel;
void main() {
  vec3 n = normalize(normal);
  float facing = max(dot(n, sun), 0.0);
  float shine = 0.0;
  if (facing > 0.0) {
    float free = 0.0;
    for (int x = -1; x <= 1; x += 2)
      for (int y = -1; y <= 1; y += 2)
        free += 0.25 * texture(shadows, shaded + vec3(vec2(x, y) * 1.5 * texel, 0));
    facing *= mix(0.4, 1.0, free); // light from the sky, where the sun does not reach
    shine = 0.1 * free * pow(max(dot(n, normalize(sun + normalize(eye - place))), 0.0), 40.0);
  }
  pixel = vec4(colour * (ambient + (1.0 - ambient) * facing) + shine, 1);
}`;

export const DEPTH_ONLY = `#version 300 es
precision highp float;
void main() {}`;

export const SKY_ABOVE = `#version 300 es
uniform vec3 top, bottom;
out vec3 colour;
void main() {
  vec2 at = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  colour = mix(bottom, top, at.y * 0.5 + 0.5);
  gl_Position = vec4(at, 1, 1);
}`;

export const NOTHING = `#version 300 es
precision highp float;
in vec3 colour;
out vec4 pixel;
void main() { pixel = vec4(colour, 1); }`;

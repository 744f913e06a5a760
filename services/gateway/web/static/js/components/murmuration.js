import { html, useEffect, useRef } from "../app/view.js";
import { numbersFrom } from "../app/sound.js";

const BIRDS = 1500;
const STILL_AT_S = 9;
const FRAME_MS = 33;

/** The same flock on every visit: where along the ribbon each bird is, how far off its middle, how quick, how near. */
function flock() {
  const random = numbersFrom(1);
  return Array.from({ length: BIRDS }, () => ({
    along: random(),
    across: random() - random() + (random() - random()) * 0.35,
    speed: 0.6 + random() * 0.8,
    size: random(),
  }));
}

/** A flock is a ribbon in the air that winds, swells and folds over itself. Returns x and y as shares, and nearness. */
function birdAt(bird, t) {
  const u = (bird.along + t * 0.008 * bird.speed) % 1;
  const body = Math.sin(Math.PI * u) ** 1.3;
  const fold = Math.cos(2.6 * Math.PI * u + t * 0.22);
  const middle = 0.24 - 0.1 * u + 0.09 * Math.sin(5.6 * u + t * 0.19) + 0.03 * Math.sin(13 * u - t * 0.4);
  const x = -0.04 + 1.1 * u + 0.035 * body * Math.sin(bird.across * 5 + t * 0.3);
  const y = middle + bird.across * body * (0.035 + 0.13 * Math.abs(fold));
  return [x, y, 0.5 + 0.5 * bird.size * body];
}

function paint(canvas, birds, t) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  if (canvas.width !== width * scale || canvas.height !== height * scale) {
    canvas.width = width * scale;
    canvas.height = height * scale;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = getComputedStyle(canvas).color;
  const size = Math.max(0.75, Math.min(width, height) / 620);
  for (const bird of birds) {
    const [x, y, near] = birdAt(bird, t);
    pen.globalAlpha = 0.15 + 0.6 * near * near;
    pen.beginPath();
    pen.arc(x * width, y * height, size * (0.5 + near), 0, 7);
    pen.fill();
  }
}

/** A flock of starlings in the air behind the first visit. At rest for those who asked for less motion. */
export function Murmuration() {
  const canvas = useRef(null);
  useEffect(() => {
    const birds = flock();
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let frame = 0;
    let last = -FRAME_MS;
    const draw = (now) => {
      if (now - last >= FRAME_MS) {
        last = now;
        paint(canvas.current, birds, calm.matches ? STILL_AT_S : STILL_AT_S + now / 1000);
      }
      if (!calm.matches) frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    const again = () => calm.matches && (frame = requestAnimationFrame(draw));
    addEventListener("resize", again);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("resize", again);
    };
  }, []);
  return html`<canvas class="murmuration" ref=${canvas} aria-hidden="true" />`;
}

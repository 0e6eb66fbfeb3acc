// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the page draws: vectors as grey pictures, latencies as a histogram.

/** A vector as a square picture (its first side^2 values), scaled when it does not hold bytes. */
export function drawVector(canvas, values) {
  const side = Math.max(1, Math.floor(Math.sqrt(values.length)));
  canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  let [low, high] = [0, 255];
  if (values.some((v) => v < 0 || v > 255 || !Number.isInteger(v))) {
    low = values.reduce((a, b) => Math.min(a, b), Infinity);
    high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  }
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < side * side; ++i) {
    image.data.fill((values[i] - low) * scale, i * 4, i * 4 + 3);
    image.data[i * 4 + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/** Latencies in milliseconds, 0 to a bit beyond the 99th percentile, with median and 99th percentile marked. */
export function drawHistogram(canvas, milliseconds) {
  const ratio = self.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name).trim();
  const sorted = Float64Array.from(milliseconds).sort();
  const most = Math.max(percentile(sorted, .99) * 1.15, 1e-3);
  const bins = new Array(48).fill(0);
  for (const t of sorted) ++bins[Math.min(bins.length - 1, Math.floor(t / most * bins.length))];
  const tallest = Math.max(...bins);
  const ground = height - 18;
  const step = width / bins.length;
  context.fillStyle = colour('--codes');
  bins.forEach((count, i) => {
    const tall = count / tallest * (ground - 14);
    context.fillRect(i * step + 1, ground - tall, step - 2, tall);
  });
  context.fillStyle = colour('--line');
  context.fillRect(0, ground, width, 1);
  context.font = '12px system-ui, sans-serif';
  const right_end = { at: -Infinity };
  for (const [name, at] of [['median', percentile(sorted, .5)], ['99 %', percentile(sorted, .99)]]) {
    const x = at / most * width;
    context.fillStyle = colour('--warm');
    context.fillRect(x - .75, 0, 1.5, ground + 4);
    const text = `${name} ${at.toFixed(at < 10 ? 2 : 1)} ms`;
    const left = Math.max(right_end.at, Math.min(x + 4, width - context.measureText(text).width));
    context.fillText(text, left, height - 3);
    right_end.at = left + context.measureText(text).width + 8;
  }
}

/** Of sorted values, nearest rank. */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

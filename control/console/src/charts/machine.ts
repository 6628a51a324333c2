// Where the twelve states stand in the drawing, and how an edge bends between two.

import type { Phase } from "$/wire/types";

export interface Spot {
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  box: { width: number; height: number };
  spots: Record<Phase, Spot>;
}

/** Working states in the middle row, left to right as the work goes. */
export const WIDE: Layout = {
  width: 940,
  height: 264,
  box: { width: 124, height: 34 },
  spots: {
    IDLE: { x: 76, y: 36 },
    INITIALIZING: { x: 234, y: 36 },
    PAUSED: { x: 706, y: 36 },
    SCANNING: { x: 76, y: 132 },
    LEVEL_BUILDING: { x: 234, y: 132 },
    SIGNAL_WAIT: { x: 392, y: 132 },
    SIZING: { x: 548, y: 132 },
    EXECUTION: { x: 706, y: 132 },
    MANAGING: { x: 864, y: 132 },
    ERROR: { x: 234, y: 228 },
    EMERGENCY: { x: 470, y: 228 },
    STOPPED: { x: 706, y: 228 },
  },
};

export const NARROW: Layout = {
  width: 366,
  height: 330,
  box: { width: 112, height: 34 },
  spots: {
    IDLE: { x: 58, y: 24 },
    INITIALIZING: { x: 183, y: 24 },
    PAUSED: { x: 308, y: 24 },
    SCANNING: { x: 58, y: 118 },
    LEVEL_BUILDING: { x: 183, y: 118 },
    SIGNAL_WAIT: { x: 308, y: 118 },
    MANAGING: { x: 58, y: 212 },
    EXECUTION: { x: 183, y: 212 },
    SIZING: { x: 308, y: 212 },
    ERROR: { x: 58, y: 306 },
    EMERGENCY: { x: 183, y: 306 },
    STOPPED: { x: 308, y: 306 },
  },
};

/** A curve from box to box; the way back bends to the other side. */
export function edgePath(layout: Layout, from: Phase, to: Phase): string {
  const a = layout.spots[from];
  const b = layout.spots[to];
  if (from === to) return loopPath(layout, a);
  const start = rim(layout, a, b);
  const end = rim(layout, b, a);
  const dx = end.x - start.x;
  const dy = end.y - start.y;
  const length = Math.hypot(dx, dy) || 1;
  const sameRow = a.y === b.y;
  const far = sameRow && Math.abs(b.x - a.x) > 190;
  const bend = far ? Math.min(44, length * 0.16) : Math.min(14, length * 0.12);
  const mid = { x: (start.x + end.x) / 2 + (dy / length) * bend, y: (start.y + end.y) / 2 - (dx / length) * bend };
  return `M${round(start.x)} ${round(start.y)}Q${round(mid.x)} ${round(mid.y)} ${round(end.x)} ${round(end.y)}`;
}

function loopPath({ box }: Layout, { x, y }: Spot): string {
  const top = y - box.height / 2;
  return `M${x + 18} ${top}C${x + 26} ${top - 22} ${x - 26} ${top - 22} ${x - 18} ${top}`;
}

/** Where the straight line from one centre to the other leaves the first box. */
function rim({ box }: Layout, from: Spot, to: Spot): Spot {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const halfWidth = box.width / 2 + 2;
  const halfHeight = box.height / 2 + 2;
  const share = Math.min(halfWidth / Math.abs(dx || 1e-9), halfHeight / Math.abs(dy || 1e-9));
  return { x: from.x + dx * share, y: from.y + dy * share };
}

const round = (value: number): number => Math.round(value * 10) / 10;

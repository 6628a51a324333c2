// Levels on the chart: dotted from their birth, drawn through from when they were known.
//
// A level that the engine could not know yet must not look as if it had been there: a
// person who judges a breakout by the chart would see what the engine did not.

import type {
  IChartApi,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesApi,
  ISeriesPrimitive,
  Logical,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";
import type { LevelView } from "$/wire/types";
import { indexAt } from "./bars";
import { faded, type Palette } from "./colours";

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

interface Segment {
  birth: number;
  known: number;
  y: number;
  level: LevelView;
}

export class LevelLines implements ISeriesPrimitive<Time> {
  private chart: IChartApi | null = null;
  private series: ISeriesApi<"Candlestick"> | null = null;
  private redraw: () => void = () => {};
  private levels: readonly LevelView[] = [];
  private timesMs: readonly number[] = [];
  private colours: Palette | null = null;
  private readonly view: IPrimitivePaneView = {
    zOrder: () => "bottom",
    renderer: () => ({ draw: (target) => this.draw(target) }),
  };

  attached({ chart, series, requestUpdate }: SeriesAttachedParameter<Time>): void {
    this.chart = chart as IChartApi;
    this.series = series as ISeriesApi<"Candlestick">;
    this.redraw = requestUpdate;
  }

  detached(): void {
    this.chart = null;
    this.series = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return [this.view];
  }

  show(levels: readonly LevelView[], timesMs: readonly number[], colours: Palette): void {
    this.levels = levels;
    this.timesMs = timesMs;
    this.colours = colours;
    this.redraw();
  }

  private draw(target: Target): void {
    const segments = this.segments();
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const segment of segments) this.line(context, segment, mediaSize.width);
      this.labels(context, segments, mediaSize.width);
    });
  }

  private segments(): Segment[] {
    const { chart, series } = this;
    if (chart === null || series === null) return [];
    const scale = chart.timeScale();
    const x = (ms: number): number => scale.logicalToCoordinate(indexAt(this.timesMs, ms) as Logical) ?? 0;
    return this.levels.flatMap((level) => {
      const y = series.priceToCoordinate(level.price);
      return y === null ? [] : [{ birth: x(level.birth_ms), known: x(level.known_ms), y, level }];
    });
  }

  private line(pen: CanvasRenderingContext2D, { birth, known, y, level }: Segment, right: number): void {
    const colours = this.colours as Palette;
    const colour = level.side > 0 ? colours.bad : colours.good;
    const broken = level.state === "broken";
    pen.strokeStyle = faded(colour, broken ? 0.3 : 0.35 + 0.55 * Math.min(1, level.strength));
    pen.lineWidth = broken ? 1 : 1 + Math.round(level.strength);
    this.stroke(pen, Math.max(0, birth), known, y, [1, 3]);
    this.stroke(pen, Math.max(0, known), right, y, broken ? [5, 5] : []);
  }

  private stroke(pen: CanvasRenderingContext2D, from: number, to: number, y: number, dash: number[]): void {
    if (to <= from) return;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(from, Math.round(y) + 0.5);
    pen.lineTo(to, Math.round(y) + 0.5);
    pen.stroke();
    pen.setLineDash([]);
  }

  /** From the strongest; a label that would stand on another is left out. */
  private labels(pen: CanvasRenderingContext2D, segments: Segment[], right: number): void {
    const colours = this.colours as Palette;
    const taken: number[] = [];
    pen.font = "10px system-ui, sans-serif";
    pen.textAlign = "right";
    for (const { y, level } of segments.toSorted((a, b) => b.level.strength - a.level.strength)) {
      if (taken.some((other) => Math.abs(other - y) < 12)) continue;
      taken.push(y);
      pen.fillStyle = colours.soft;
      pen.fillText(`${level.kind} ×${level.touches}`, right - 6, y - 4);
    }
  }
}

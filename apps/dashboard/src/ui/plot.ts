// uPlot, loaded when the first chart is drawn.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { bytes } from '../format';
import { colour } from '../theme';

/** Steps of the axis of time, in seconds: what it says has no smaller ones. */
const MINUTES = [60, 120, 300, 600, 3600];

/** Steps of an axis of bytes: powers of two, up to a tebibyte. */
const BYTES = Array.from({ length: 41 }, (_, i) => 2 ** i);

export interface Series {
  label: string;
  /** A custom property: `--series-1`. */
  colour: string;
}

const AXIS_PX = 52;
const FONT = '11px system-ui, sans-serif';

/** Draws columns over time into a box, as wide as that. `format` is for the numbers of the axis and the legend. */
export function plot(box: HTMLElement, series: Series[], data: uPlot.AlignedData, format: (value: number) => string, height: number): uPlot {
  const [line, dim] = [colour('--line'), colour('--text-dim')];
  const axis = { stroke: dim, font: FONT, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  const options: uPlot.Options = {
    width: box.clientWidth,
    height,
    padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, size: 24, space: 64, incrs: MINUTES, values: (_, at) => at.map(clock) },
      { ...axis, size: AXIS_PX, space: 28, values: (_, values) => values.map(format), ...(format === bytes && { incrs: BYTES }) },
    ],
    series: [
      { label: 'at', value: (_, at) => (at === null ? '' : clockExact(at)) },
      ...series.map((one) => ({
        label: one.label,
        stroke: colour(one.colour),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
        value: (_: uPlot, value: number | null) => (value === null ? '–' : format(value)),
      })),
    ],
  };
  return new uPlot(options, data, box);
}

function clock(at: number): string {
  return new Date(at * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

function clockExact(at: number): string {
  return new Date(at * 1000).toLocaleTimeString('en-GB');
}

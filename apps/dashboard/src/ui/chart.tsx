import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { repaint } from '../theme';
import type { Series } from './plot';
import '../css/chart.css';

interface Props {
  title: string;
  /** Unix seconds, and for each series as many values. */
  at: number[];
  series: (Series & { values: (number | null)[] })[];
  format: (value: number) => string;
}

const HEIGHT_PX = 136;

/** Lines over time. What they say is there in words, too. */
export function Chart({ title, at, series, format }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<uPlot>(null);
  const data = [at, ...series.map(({ values }) => values)] as uPlot.AlignedData;
  const newest = useRef(data);
  newest.current = data;
  const paint = repaint.value;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let gone = false;
    const resize = new ResizeObserver(() => drawn.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    void import('./plot').then(({ plot }) => {
      if (gone) return;
      drawn.current = plot(element, series, newest.current, format, HEIGHT_PX);
      resize.observe(element);
    });
    return () => {
      gone = true;
      resize.disconnect();
      drawn.current?.destroy();
      drawn.current = null;
    };
  }, [paint]);
  useEffect(() => drawn.current?.setData(data), [at.at(-1), at.length]);
  return (
    <figure class="panel chart">
      <figcaption>
        <h3>{title}</h3>
        <span class="chart-now" aria-hidden="true">
          {series.map(({ label, values, colour }) => (
            <span key={label} style={{ color: `var(${colour})` }}>{series.length > 1 && `${label} `}{told(values.at(-1), format)}</span>
          ))}
        </span>
        <span class="hidden">{series.map(({ label, values }) => summary(label, values, format)).join(' ')}</span>
      </figcaption>
      <div ref={box} class="chart-box" aria-hidden="true" />
    </figure>
  );
}

function told(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value);
}

function summary(label: string, values: (number | null)[], format: (value: number) => string): string {
  const there = values.filter((value): value is number => value !== null);
  if (there.length === 0) return `${label}: nothing in the last ten minutes.`;
  return `${label}: now ${told(values.at(-1), format)}, between ${format(Math.min(...there))} and ${format(Math.max(...there))} in the last ten minutes.`;
}

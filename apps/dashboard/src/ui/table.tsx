import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Column<T> {
  id: string;
  head: ComponentChildren;
  cell: (row: T) => ComponentChildren;
  /** What its rows are sorted by; without it they are not. `null` comes last. */
  sort?: (row: T) => string | number | null;
  number?: boolean;
  /** Names the row: the first column, mostly. */
  names?: boolean;
  /** Left out on a phone (`small`) or on anything narrower than a laptop (`narrow`). */
  drop?: 'small' | 'narrow';
}

interface Props<T> {
  /** What it is a table of, for those who hear it. */
  caption: string;
  columns: Column<T>[];
  rows: T[];
  keyOf: (row: T) => string;
  /** The column that it is sorted by at first; `-rate` downwards. */
  sorted?: string;
  /** Shown as chosen. What chooses a row says so itself: a checkbox, say. */
  selected?: (row: T) => boolean;
}

/** A table that can be sorted by its heads. */
export function Table<T>({ caption, columns, rows, keyOf, sorted, selected }: Props<T>) {
  const [order, setOrder] = useState(sorted ?? '');
  const box = useRef<HTMLDivElement>(null);
  const scrolls = useOverflow(box);
  const down = order.startsWith('-');
  const by = columns.find(({ id }) => id === order.replace(/^-/, ''));
  const shown = by?.sort ? sortBy(rows, by.sort, down) : rows;
  return (
    <div class="table-box" ref={box} {...(scrolls && { role: 'region', 'aria-label': caption, tabIndex: 0 })}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => {
              const current = by === column;
              return (
                <th key={column.id} scope="col" class={classOf(column)} aria-sort={current ? (down ? 'descending' : 'ascending') : undefined}>
                  {column.sort ? (
                    <button type="button" class="sort" onClick={() => setOrder(next(column, current, down))}>
                      {column.head}
                      <span aria-hidden="true">{current ? (down ? '▾' : '▴') : ''}</span>
                    </button>
                  ) : column.head}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={keyOf(row)} data-row={keyOf(row)} class={selected?.(row) ? 'selected' : undefined}>
              {columns.map((column) =>
                column.names ? (
                  <th key={column.id} scope="row" class={classOf(column)}>{column.cell(row)}</th>
                ) : (
                  <td key={column.id} class={classOf(column)}>{column.cell(row)}</td>
                ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether there is more than fits: only then a keyboard has to get at it to scroll. */
function useOverflow(box: RefObject<HTMLElement | null>): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (!element?.firstElementChild) return;
    const look = new ResizeObserver(() => setOver(element.scrollWidth > element.clientWidth));
    look.observe(element);
    look.observe(element.firstElementChild);
    return () => look.disconnect();
  }, []);
  return over;
}

function classOf<T>({ number, drop }: Column<T>): string {
  return [number && 'num', drop === 'small' && 'late', drop === 'narrow' && 'later'].filter(Boolean).join(' ');
}

/** Numbers begin with the largest, words with A. */
function next<T>(column: Column<T>, current: boolean, down: boolean): string {
  const falls = current ? !down : !!column.number;
  return `${falls ? '-' : ''}${column.id}`;
}

function sortBy<T>(rows: T[], key: (row: T) => string | number | null, down: boolean): T[] {
  const keyed = rows.map((row) => ({ row, key: key(row) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    const order = a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
    return down ? -order : order;
  });
  return keyed.map(({ row }) => row);
}

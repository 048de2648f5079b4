// Log lines as text that can be read and clicked.

import { Component } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { to } from '../../router';
import { Button } from '../../ui/button';
import type { Line, Shown } from './types';

/** Nearer to the end than this is at the end. */
const NEAR_PX = 24;

/** The lines in a box that stays at its end, unless somebody has scrolled up. */
export function Lines({ lines }: { lines: Shown[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const end = () => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (atEnd) end();
  }, [lines, atEnd]);
  const scrolled = () => {
    if (!box.current) return;
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    setAtEnd(scrollHeight - scrollTop - clientHeight < NEAR_PX);
  };
  return (
    <div class="log-frame">
      <div class="log" ref={box} role="log" aria-live="off" aria-label="Log lines" tabIndex={0} onScroll={scrolled}>
        {lines.map((line) => <LogLine key={line.key} line={line} />)}
      </div>
      {!atEnd && <div class="log-end"><Button small kind="primary" onClick={() => setAtEnd(true)}>↓ Newest</Button></div>}
    </div>
  );
}

/** One line. It never changes, so it is drawn once. */
class LogLine extends Component<{ line: Line }> {
  override shouldComponentUpdate(): boolean {
    return false;
  }

  override render({ line }: { line: Line }) {
    const { at, level, target, service, request_id, trace_id, message, fields } = line;
    const more = Object.entries(fields);
    return (
      <div class={`log-line at-${level}`} data-seq={line.seq}>
        <time dateTime={at} title={at}>{clock(at)}</time>
        <span class="log-level">{level}</span>
        <span class="log-who">{service ? <a href={to(['logs'], { service })}>{service}</a> : <span class="dim" title={target}>host</span>}</span>
        <span class="log-message">
          {message}
          {more.map(([name, value], i) => <span key={name} class="log-field">{(message || i > 0) && ' '}{name}={told(value)}</span>)}
        </span>
        <span class="log-links">
          {trace_id && <a href={to(['traces', trace_id])} aria-label={`trace of the line at ${clock(at)}`}>trace</a>}
          {request_id && <a href={to(['logs'], { request_id })} aria-label={`request of the line at ${clock(at)}`}>request</a>}
        </span>
      </div>
    );
  }
}

/** `14:03:07.120`, of this place. */
function clock(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  return `${date.toLocaleTimeString('en-GB')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function told(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

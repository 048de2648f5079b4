// Databases as the admin API tells them.

import type { Exact } from '../../exact';

export interface DatabaseLine {
  service: string;
  bytes: number;
  wal_bytes: number;
  /** `ok`, or why it cannot be used. */
  state: string;
  tables: number;
}

export interface TableFacts {
  name: string;
  /** Nothing when counting would have taken too long. */
  rows: number | null;
  columns: { name: string; type: string; primary_key: boolean }[];
}

export type Database = Omit<DatabaseLine, 'tables'> & { tables: TableFacts[] };

/** A value of SQLite; bytes are hexadecimal. */
export type Value = null | boolean | number | string | { hex: string } | Exact;

export interface Rows {
  columns: string[];
  rows: Value[][];
}

// Columns of a table, and the order that a person chose.

export interface Column<Row> {
  key: string;
  label: string;
  num?: boolean;
  hint?: string;
  sort?: (row: Row) => number | string | null | undefined;
}

export interface Sorting {
  key: string;
  down: boolean;
}

/** UNKNOWN goes last whichever way round; equal rows keep their order. */
export function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  by: Sorting | null,
): readonly Row[] {
  const value = columns.find((column) => column.key === by?.key)?.sort;
  if (by === null || value === undefined) return rows;
  const turn = by.down ? -1 : 1;
  return rows.toSorted((one, other) => {
    const left = value(one);
    const right = value(other);
    if (left == null || right == null) return Number(left == null) - Number(right == null);
    if (left < right) return -turn;
    return left > right ? turn : 0;
  });
}

export function turned(by: Sorting | null, key: string, firstDown: boolean): Sorting {
  return by?.key === key ? { key, down: !by.down } : { key, down: firstDown };
}

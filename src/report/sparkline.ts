const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/**
 * One character a value.
 * @param range what is lowest and highest; of the values unless given. A gap is a blank
 */
export function sparkline(values: readonly (number | null)[], range?: readonly [number, number]): string {
  const known = values.filter((value) => value !== null);
  const [low, high] = range ?? [Math.min(...known), Math.max(...known)];
  return values
    .map((value) => {
      if (value === null) return " ";
      const share = high > low ? (value - low) / (high - low) : 0;
      return bars[Math.min(bars.length - 1, Math.max(0, Math.round(share * (bars.length - 1))))];
    })
    .join("");
}

/** Values over time as so many columns, each the worst of its stretch. */
export function columnsOf<T>(
  items: readonly T[],
  columns: number,
  worst: (stretch: readonly T[]) => number | null,
): (number | null)[] {
  const count = Math.min(columns, items.length);
  return Array.from({ length: count }, (_, at) =>
    worst(
      items.slice(
        Math.floor((at * items.length) / count),
        Math.max(Math.floor(((at + 1) * items.length) / count), Math.floor((at * items.length) / count) + 1),
      ),
    ),
  );
}

import type { PointId } from "../../stores/contract.ts";
import { Cursor, type Seen } from "../compare.ts";
import { compareIds } from "../positions.ts";

/** Scans in ascending order of id, side by side: each id once, with whoever has it. Memory does not grow with them. */
export async function* mergedScans<T>(
  scans: readonly { of: T; pages: AsyncGenerator<Seen[]> }[],
): AsyncGenerator<{ id: PointId; copies: { of: T; seen: Seen }[] }> {
  const cursors = scans.map(({ of, pages }) => ({ of, cursor: new Cursor(pages) }));
  for (;;) {
    const heads = await Promise.all(cursors.map(async ({ of, cursor }) => ({ of, cursor, seen: await cursor.peek() })));
    let id: PointId | undefined;
    for (const { seen } of heads) if (seen && (id === undefined || compareIds(seen.id, id) < 0)) id = seen.id;
    if (id === undefined) return;
    const copies: { of: T; seen: Seen }[] = [];
    for (const { of, cursor, seen } of heads) {
      if (!seen || compareIds(seen.id, id) !== 0) continue;
      cursor.advance();
      copies.push({ of, seen });
    }
    yield { id, copies };
  }
}

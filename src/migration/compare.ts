import type { Filter, Payload, PointId } from "../stores/contract.ts";
import type { MoverDeps } from "./contract.ts";
import type { NodeIo } from "./io.ts";
import { compareIds } from "./positions.ts";
import { field } from "../sharding/table.ts";

const pageSize = 1_000;

export interface Seen {
  id: PointId;
  version: number | undefined;
  payload: Payload;
}

/** Ids, versions and positions of the points that a node holds under a filter, in ascending order of id. */
export async function* scanPoints(
  io: NodeIo,
  deps: Pick<MoverDeps, "face" | "signal">,
  node: string,
  filter: Filter | undefined,
  size = pageSize,
): AsyncGenerator<Seen[]> {
  const { face } = deps;
  const fields = await io.stampFields();
  let offset: PointId | undefined;
  do {
    deps.signal.throwIfAborted();
    const request = face.prepareScroll({
      limit: size,
      withPayload: fields,
      ...(filter ? { filter } : {}),
      ...(offset === undefined ? {} : { offset }),
    });
    const page = await io.read(node, request, (body) => face.parseScroll(body));
    offset = page.next;
    if (page.points.length > 0) yield page.points.map(({ id, payload = {} }) => ({ id, version: versionIn(payload), payload }));
  } while (offset !== undefined);
}

export function versionIn(payload: Payload | undefined): number | undefined {
  const version = payload?.[field.version];
  return typeof version === "number" ? version : undefined;
}

/** One stream of points after another's pages, with a look at the next. */
export class Cursor {
  readonly #pages: AsyncGenerator<Seen[]>;
  #page: Seen[] = [];
  #at = 0;
  #last: PointId | undefined;

  constructor(pages: AsyncGenerator<Seen[]>) {
    this.#pages = pages;
  }

  async peek(): Promise<Seen | undefined> {
    while (this.#at >= this.#page.length) {
      const next = await this.#pages.next();
      if (next.done) return undefined;
      this.#page = next.value;
      this.#at = 0;
    }
    return this.#page[this.#at];
  }

  advance(): void {
    const { id } = this.#page[this.#at++]!;
    if (this.#last !== undefined && compareIds(this.#last, id) >= 0)
      throw new Error(`a store scrolled ${id} after ${this.#last}: its drivers promise ascending ids`);
    this.#last = id;
  }
}

/**
 * Ids of a selector's points that two nodes hold differently: on one alone, or with another version. Both are scrolled side by side, so
 * memory does not grow with them.
 */
export async function* differences(
  io: NodeIo,
  deps: Pick<MoverDeps, "face" | "signal">,
  from: string,
  to: string,
  filters: readonly Filter[],
): AsyncGenerator<PointId> {
  for (const filter of filters) {
    const left = new Cursor(scanPoints(io, deps, from, filter));
    const right = new Cursor(scanPoints(io, deps, to, filter));
    for (;;) {
      const a = await left.peek();
      const b = await right.peek();
      if (!a && !b) break;
      const order = !a ? 1 : !b ? -1 : compareIds(a.id, b.id);
      if (order !== 0 || a!.version !== b!.version) yield (order <= 0 ? a! : b!).id;
      if (order <= 0) left.advance();
      if (order >= 0) right.advance();
    }
  }
}

import { cleanLeftovers, type Leftovers } from "./clean.ts";
import type { MoverDeps } from "./contract.ts";
import { NodeIo } from "./io.ts";
import { selectorOf } from "./positions.ts";
import { TableAccess } from "./table.ts";
import { Unanswered } from "./trouble.ts";

/** Deletes on every node what it does not own, while nothing is on its way. */
export async function sweep(deps: MoverDeps): Promise<void> {
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const { table: now, placement } = await table.read();
  const selector = selectorOf([[0, placement.space]], placement.coordinate);
  for (const [node, { state }] of Object.entries(now.nodes))
    if (state !== "joining") await cleanToTheEnd(table, deps, { node, selector, leaves: false, name: `sweep ${node}` });
}

/** Again where a delete was not answered, once what it may still do is done. */
export async function cleanToTheEnd(table: TableAccess, deps: MoverDeps, what: Leftovers): Promise<void> {
  const io = new NodeIo(deps, table);
  for (;;)
    try {
      await cleanLeftovers(io, table, deps, what);
      return;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      deps.note(`${what.name}: ${error.message}; what it may still do is awaited`);
    }
}

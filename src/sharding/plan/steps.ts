import { transferKinds, type Movement, type Transfer, type Weigh } from "../movement.ts";
import type { Placement } from "../segments.ts";
import type { Selector } from "../table.ts";
import type { Amount, CopyStep } from "./contract.ts";
import type { LoadModel } from "./loads.ts";

/**
 * The copies of a plan, in the order in which they must run: first what has the fewest copies left; sources go before nothing that still
 * reads them (see `TransferKind`). Steps that share points are of different kinds, or run in this order.
 */
export function copySteps({ transfers }: Movement, placement: Placement, model: LoadModel): CopyStep[] {
  const bytesIn = model.bytesIn ?? model.pointsIn;
  const ordered = transfers.toSorted(
    (a, b) =>
      transferKinds.indexOf(a.kind) - transferKinds.indexOf(b.kind) ||
      a.copiesDuring - b.copiesDuring ||
      b.share - a.share ||
      (a.from + a.to < b.from + b.to ? -1 : 1),
  );
  const stepOf = (transfer: Transfer, index: number): CopyStep => ({
    id: `copy-${index + 1}`,
    kind: "copy",
    from: transfer.from,
    to: transfer.to,
    replaces: transfer.replaces,
    selector: selectorOf(transfer.ranges, placement),
    copiesDuring: transfer.copiesDuring,
    ...amountOf(transfer, model, bytesIn),
  });
  return ordered.map(stepOf);
}

function amountOf({ kind, share, ranges }: Transfer, model: LoadModel, bytesIn: Weigh | undefined): Amount {
  if (kind === "drop") return { points: 0, bytes: 0 };
  const ofBytes = bytesIn ? ranges.reduce((sum, [lo, hi]) => sum + bytesIn(lo, hi), 0) : share;
  return { points: Math.round(share * model.points), bytes: Math.round(ofBytes * model.bytes) };
}

function selectorOf(ranges: [lo: number, hi: number][], { coordinate }: Placement): Selector {
  if (coordinate !== "cell") return { kind: "ranges", ranges };
  return { kind: "cells", cells: ranges.flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, index) => lo + index)) };
}

import type { StateStore } from "../../../src/state/index.ts";

/** A mover that waits for nobody: every client seems to have confirmed whatever it asks for. */
export function withoutBarrier(state: StateStore): StateStore {
  return { ...state, leases: () => Promise.resolve([]) };
}

/** A mover that sees that a key was about to be touched, never that it has been, nor that this is still open. */
export function withoutAfterEntries(state: StateStore): StateStore {
  return {
    ...state,
    async readTouched(collection, move, afterSeq, limit) {
      const entries = await state.readTouched(collection, move, afterSeq, limit);
      // Each before is closed at once; the real after is hidden behind a key that nobody has.
      return entries.flatMap((entry) =>
        entry.kind === "before"
          ? [entry, { ...entry, kind: "after" as const }]
          : [{ ...entry, id: "00000000-0000-0000-0000-000000000000" }],
      );
    },
  };
}

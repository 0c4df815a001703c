import { ExitCode, RagctlError } from "../errors.ts";

/** A node could not be asked, or did not answer a read. Nothing of ours is on the way to it. */
export class NodeTrouble extends Error {
  readonly node: string;
  constructor(node: string, message: string) {
    super(message);
    this.name = "NodeTrouble";
    this.node = node;
  }
}

/** A write of ours to a node was not answered and may still land: the table says so, and what was copied is checked anew. */
export class Unanswered extends Error {
  readonly node: string;
  constructor(node: string, message: string) {
    super(message);
    this.name = "Unanswered";
    this.node = node;
  }
}

/** A pause did not come to its end: released, and tried again from `back` on. */
export class PauseLost extends Error {
  readonly back: "announce" | "compare" | "drain";
  constructor(message: string, back: "announce" | "compare" | "drain" = "announce") {
    super(message);
    this.name = "PauseLost";
    this.back = back;
  }
}

/** The repair's moves are gone, because the node was marked stale again: it starts over. */
export class StartOver extends Error {}

/** Whether a node that has no room is the reason: to try again is of no use until somebody makes some. */
export function isFull(error: unknown): error is RagctlError {
  return error instanceof RagctlError && error.code === "node-full";
}

/** @param message what the node said, after its name */
export function nodeFull(message: string): RagctlError {
  return new RagctlError(`There is no room left on node ${message}`, {
    code: "node-full",
    exitCode: ExitCode.unhealed,
    hint: "Make room on it (a larger quota or disk, or fewer points); then the same command with --resume goes on where this stopped.",
  });
}

/** Something that ends the run, which `--resume` can go on with. */
export function halfDone(message: string, code: string, cause?: unknown): RagctlError {
  return new RagctlError(message, {
    code,
    exitCode: ExitCode.unhealed,
    hint: "once that is put right, the same command with --resume goes on where this stopped",
    cause,
  });
}

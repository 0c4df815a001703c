import { kill } from "node:process";
import { isAlive, type ProcessIdentity } from "./process-identity.ts";

/**
 * Sends a signal to that very process; with `process-identity.ts`, all that touches processes other than our own children.
 * @returns false where it is gone, or where its pid belongs to another process by now: then nothing was sent
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    kill(identity.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

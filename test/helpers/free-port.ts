import { firstPortOf, freePorts } from "../../src/local/ports.ts";

/** The port that was given last. Each waits for the one before: two that ask at once are given two. */
let last = Promise.resolve(firstPortOf(process.pid));

/** A port of loopback that nobody listens on at this moment, and that this process is not given again soon. */
export function freePort(): Promise<number> {
  last = last.then(async (port) => (await freePorts(1, port + 1))[0]!);
  return last;
}

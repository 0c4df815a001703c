/**
 * A server that takes exactly 1 ms for a request and has 8 slots, so 8,000 requests a second by arithmetic; what finds no slot waits its turn.
 * Prints its URL. The end of a request is awaited by looking at the clock, as timers of a millisecond are not that exact.
 */
import { createServer, type ServerResponse } from "node:http";

const slots = 8;
const serviceMs = 1;

const freeAtMs = new Float64Array(slots);
/** In order of their ends: every request takes the same time, so first come is first done. */
const underWay: { endMs: number; response: ServerResponse }[] = [];
let head = 0;
let looking = false;

const server = createServer((request, response) => {
  request.resume();
  let slot = 0;
  for (let at = 1; at < slots; at++) if (freeAtMs[at]! < freeAtMs[slot]!) slot = at;
  const endMs = Math.max(performance.now(), freeAtMs[slot]!) + serviceMs;
  freeAtMs[slot] = endMs;
  underWay.push({ endMs, response });
  if (!looking) {
    looking = true;
    setImmediate(look);
  }
});

function look(): void {
  const nowMs = performance.now();
  for (; head < underWay.length && underWay[head]!.endMs <= nowMs; head++) underWay[head]!.response.end("ok");
  if (head > 4096) underWay.splice(0, head);
  if (head > 4096) head = 0;
  looking = head < underWay.length;
  if (looking) setImmediate(look);
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") console.log(`http://127.0.0.1:${address.port}`);
});

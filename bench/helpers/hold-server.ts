/** Answers after 1 ms; in the last second of each ten, counted from its first request, it holds whatever arrives until that second is over. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const serviceMs = 1;
const holdMs = 1000;
const periodMs = 10_000;
let began: number | undefined;

const server = createServer((request, response) => {
  request.resume();
  began ??= performance.now();
  const phase = (performance.now() - began) % periodMs;
  const heldMs = phase >= periodMs - holdMs ? periodMs - phase : 0;
  setTimeout(() => response.end("ok"), heldMs + serviceMs);
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));

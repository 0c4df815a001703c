import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { cpuTicks, listeningInodes, watchNodeCpu } from "../../../src/load/node-cpu.ts";
import { realClock } from "../../../src/runtime.ts";

test("processor time from /proc, whatever the command is called", () => {
  expect(cpuTicks("7 (a) b (c) S 1 1 1 0 -1 4194560 100 0 0 0 31 11 0 0 20 0 1 0 5 6 7")).toBe(42);
  expect(cpuTicks("")).toBeUndefined();
});

test("listening sockets by port", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1",
    "   1: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4343 1",
    "   2: 0100007F:1F90 0100007F:AAAA 01 00000000:00000000 00:00000000 00000000     0        0 4444 1",
  ].join("\n");
  expect([...listeningInodes(table, new Set([8080]))]).toEqual([["4242", 8080]]);
});

test.runIf(process.platform === "linux")(
  "the process behind a local node is found and watched; nodes elsewhere are left out",
  async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const taken = watchNodeCpu(
      [
        { id: "here", url: `http://127.0.0.1:${port}` },
        { id: "there", url: `http://node.invalid:${port}` },
      ],
      realClock,
    );
    const until = realClock.monotonicUs() + 300_000;
    while (realClock.monotonicUs() < until);
    const [here, ...others] = taken();
    server.close();
    expect(others).toEqual([]);
    expect(here!.node).toBe("here");
    // This very process, which was busy: how busy is the machine's affair.
    expect(here!.cpu).toBeGreaterThan(0);
  },
);

import { describe, expect, test } from "vitest";
import { realClock } from "../../src/runtime.ts";
import { startProxied, until, type Client } from "../helpers/proxied.ts";

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function roundTrips(client: Client, count: number): Promise<number[]> {
  const took: number[] = [];
  for (let index = 0; index < count; index++) took.push(await client.roundTripMs(`message ${index}`));
  return took;
}

describe("without impairments", () => {
  test("bytes, ends and backpressure go through, both ways", async () => {
    const proxied = await startProxied();
    const { socket, received, fate } = await proxied.client();
    const sent = Buffer.alloc(8 * 2 ** 20, "0123456789abcdef");
    socket.pause();
    socket.write(sent);
    await until(() => proxied.state().bytesToNode > 0);
    await realClock.sleep(200);
    // Nobody reads: the proxy holds a window's worth, and not all of it.
    expect(proxied.state().bytesFromNode).toBeLessThan(sent.length);
    socket.resume();
    await until(() => received().length === sent.length);
    expect(received().equals(sent)).toBe(true);
    socket.end();
    await until(() => fate() === "end" && proxied.state().connections === 0);
    expect(proxied.state()).toMatchObject({ bytesToNode: sent.length, bytesFromNode: sent.length });
  });

  test("a node that goes is refused, as it would be without a proxy; one that comes back is let in", async () => {
    const proxied = await startProxied();
    const { fate } = await proxied.client();
    await proxied.upstream.stop();
    await until(() => fate() !== undefined);
    await until(() => !proxied.state().listening);
    await expect(proxied.client()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await proxied.upstream.start();
    await until(() => proxied.state().listening);
    expect(await (await proxied.client()).roundTripMs("back")).toBeGreaterThan(0);
  });
});

describe("partition", () => {
  test.each([
    { direction: "both", heard: false },
    { direction: "to-node", heard: false },
    { direction: "from-node", heard: true },
  ] as const)("$direction: nothing passes, on connections of before and on new ones", async ({ direction, heard }) => {
    const proxied = await startProxied();
    const before = await proxied.client();
    await before.roundTripMs("hello");
    proxied.add({ kind: "partition", direction });
    const after = await proxied.client();
    before.socket.write("OLD");
    after.socket.write("NEW");
    await realClock.sleep(600);
    expect([proxied.upstream.heard().includes("OLD"), proxied.upstream.heard().includes("NEW")]).toEqual([heard, heard]);
    expect([before.received().toString(), after.received().toString()]).toEqual(["hello", ""]);
    expect([before.fate(), after.fate()]).toEqual([undefined, undefined]);
  });

  test("one of two clients", async () => {
    const proxied = await startProxied();
    const [one, other] = [await proxied.client({ localAddress: "127.0.0.2" }), await proxied.client()];
    await one.roundTripMs("hello");
    proxied.add({ kind: "partition", from: "127.0.0.2" });
    one.socket.write("LOST");
    expect(await other.roundTripMs("still here")).toBeGreaterThan(0);
    const late = await proxied.client({ localAddress: "127.0.0.2" });
    late.socket.write("LOST");
    await realClock.sleep(300);
    expect(proxied.upstream.heard()).not.toContain("LOST");
  });

  test("the end of a node is not seen through it", async () => {
    const proxied = await startProxied();
    const client = await proxied.client();
    await client.roundTripMs("hello");
    proxied.add({ kind: "partition" });
    await proxied.upstream.stop();
    await realClock.sleep(300);
    expect(client.fate()).toBeUndefined();
    // Not refused either.
    expect((await proxied.client()).fate()).toBeUndefined();
  });

  test("healed: what was lost is not delivered late, its connection is cut, and an idle one goes on", async () => {
    const proxied = await startProxied();
    const [idle, busy] = [await proxied.client(), await proxied.client()];
    await Promise.all([idle, busy].map((client) => client.roundTripMs("hello")));
    proxied.add({ kind: "partition" });
    const [waiting, asking] = [await proxied.client(), await proxied.client()];
    busy.socket.write("LOST");
    asking.socket.write("LOST");
    await realClock.sleep(100);
    proxied.remove();
    await until(() => busy.fate() !== undefined && asking.fate() !== undefined);
    expect([busy.fate(), asking.fate()]).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(await idle.roundTripMs("still here")).toBeGreaterThan(0);
    expect(await waiting.roundTripMs("at last")).toBeGreaterThan(0);
    expect(proxied.upstream.heard()).not.toContain("LOST");
  });

  test("clients that give up and try again do not pile up", async () => {
    const proxied = await startProxied();
    proxied.add({ kind: "partition" });
    for (let index = 0; index < 50; index++) {
      const { socket } = await proxied.client();
      socket.write("GET");
      socket.destroy();
    }
    await until(() => proxied.state().connections === 0);
  });
});

describe("latency", () => {
  test("the added delay is what was asked for, within 10 %, on a connection of before; afterwards none", async () => {
    const proxied = await startProxied();
    const client = await proxied.client();
    const calmMs = median(await roundTrips(client, 9));
    proxied.add({ kind: "latency", direction: "from-node", delayMs: 300 });
    const slowMs = median(await roundTrips(client, 9));
    expect(slowMs - calmMs).toBeGreaterThan(270);
    expect(slowMs - calmMs).toBeLessThan(330);
    proxied.remove();
    expect(median(await roundTrips(client, 9))).toBeLessThan(100);
  }, 60_000);

  test("with jitter the median is the delay, and the order of bytes stays", async () => {
    const proxied = await startProxied();
    proxied.add({ kind: "latency", direction: "from-node", delayMs: 200, jitterMs: 150, distribution: "normal" });
    // Each connection's own delay.
    const clients = await Promise.all(Array.from({ length: 60 }, () => proxied.client()));
    const took = await Promise.all(clients.map((client) => client.roundTripMs("x")));
    expect(median(took)).toBeGreaterThan(150);
    expect(median(took)).toBeLessThan(260);
    const [client] = clients;
    const sent = Array.from({ length: 200 }, (_, index) => `${index},`);
    const done = client!.roundTripMs(sent[0]!, sent.join("").length);
    for (const text of sent.slice(1)) {
      await realClock.sleep(1);
      client!.socket.write(text);
    }
    await done;
    expect(client!.received().toString()).toBe(sent.join(""));
  }, 60_000);

  test("healing lets go at once what waits a moment, and discards, with its connection, what has waited long", async () => {
    const proxied = await startProxied();
    const [fresh, old] = [await proxied.client(), await proxied.client()];
    proxied.add({ kind: "latency", direction: "from-node", delayMs: 600_000 });
    old.socket.write("old");
    await realClock.sleep(1_200);
    fresh.socket.write("fresh");
    await until(() => proxied.upstream.heard().includes("fresh"));
    await realClock.sleep(20);
    proxied.remove();
    await until(() => fresh.received().length === 5 && old.fate() !== undefined);
    expect([fresh.fate(), old.fate(), old.received().length]).toEqual([undefined, "ECONNRESET", 0]);
  });
});

test("bandwidth: a line of 1 MiB/s takes its time, for all connections together", async () => {
  const proxied = await startProxied(() => Buffer.alloc(256 * 1024));
  const clients = await Promise.all([proxied.client(), proxied.client(), proxied.client(), proxied.client()]);
  proxied.add({ kind: "bandwidth", direction: "from-node", bytesPerSec: 2 ** 20 });
  const startMs = performance.now();
  await Promise.all(clients.map((client) => client.roundTripMs("?", 256 * 1024)));
  expect(performance.now() - startMs).toBeGreaterThan(900);
  expect(performance.now() - startMs).toBeLessThan(3_000);
}, 60_000);

test("loss of everything: nothing arrives in time; healed, it does", async () => {
  const proxied = await startProxied();
  const client = await proxied.client();
  proxied.add({ kind: "loss", lossRatio: 1 });
  client.socket.write("x");
  await realClock.sleep(300);
  expect(client.received().length).toBe(0);
  proxied.remove();
  await until(() => client.received().length === 1);
});

describe("reset", () => {
  test("after so many bytes of an answer, by RST", async () => {
    const proxied = await startProxied(() => Buffer.alloc(5_000, "a"));
    const client = await proxied.client();
    await client.roundTripMs("?", 5_000);
    proxied.add({ kind: "reset", direction: "from-node", afterBytes: 1_200 });
    void client.roundTripMs("?", 5_000);
    await until(() => client.fate() !== undefined);
    expect(client.fate()).toBe("ECONNRESET");
    expect(client.received().length).toBe(1_200);
  });

  test("half-way unless told, and only that share of answers", async () => {
    const proxied = await startProxied(() => Buffer.alloc(100, "a"));
    proxied.add({ kind: "reset", direction: "from-node", ratio: 0.5 });
    const clients = await Promise.all(Array.from({ length: 100 }, () => proxied.client()));
    for (const { socket } of clients) socket.write("?");
    await until(() => clients.every((client) => client.fate() === "ECONNRESET" || client.received().length === 100));
    const cut = clients.filter((client) => client.fate() !== undefined);
    expect(cut.length).toBeGreaterThan(25);
    expect(cut.length).toBeLessThan(75);
    expect(new Set(cut.map((client) => client.received().length))).toEqual(new Set([50]));
  });
});

describe("healing under heavy traffic", () => {
  test.each([
    { kind: "latency", delayMs: 2_000 },
    { kind: "bandwidth", bytesPerSec: 50_000 },
    { kind: "loss", lossRatio: 1 },
    { kind: "partition" },
  ] as const)(
    "$kind: at once, idempotent, and nothing is held any more",
    async (impairment) => {
      const proxied = await startProxied(() => Buffer.alloc(32_768, "b"));
      const block = Buffer.alloc(65_536, "a");
      const stop = new AbortController();
      const pour = async () => {
        while (!stop.signal.aborted) {
          const { socket, fate } = await proxied.client();
          while (!stop.signal.aborted && fate() === undefined) if (!socket.write(block)) await realClock.sleep(2);
          socket.destroy();
        }
      };
      const pouring = Array.from({ length: 24 }, pour);
      await until(() => proxied.state().bytesFromNode > 0);
      proxied.add(impairment);
      await realClock.sleep(400);
      const startMs = performance.now();
      proxied.remove();
      const tookMs = performance.now() - startMs;
      proxied.remove();
      expect(proxied.state().impairments).toEqual([]);
      expect(tookMs).toBeLessThan(2_000);
      const client = await proxied.client();
      expect(await client.roundTripMs("?", 32_768)).toBeLessThan(10_000);
      stop.abort();
      await Promise.all(pouring);
      await until(() => proxied.state().connections <= 1);
    },
    60_000,
  );
});

test("an impairment that was removed does not come back by a late renewal", async () => {
  const proxied = await startProxied();
  proxied.add({ kind: "partition" });
  proxied.remove();
  proxied.add({ kind: "partition" });
  expect(proxied.state().impairments).toEqual([]);
  expect(await (await proxied.client()).roundTripMs("hello")).toBeGreaterThan(0);
});

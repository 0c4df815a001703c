import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Impairment, ToxiproxyTarget } from "../../src/faults/contract.ts";
import { recordIds } from "../../src/faults/journal.ts";
import { toxiproxyLink } from "../../src/faults/links/toxiproxy.ts";
import { toxiproxyTarget } from "../../src/faults/targets/toxiproxy.ts";
import { realClock } from "../../src/runtime.ts";
import { watchdogPid } from "../helpers/fault-journal.ts";
import { makeWorkspace, type Workspace } from "../helpers/local-cluster.ts";
import { startNode, type TestNode } from "../helpers/node.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { startToxiproxy, type TestToxiproxy } from "../helpers/toxiproxy.ts";
import { connectEcho, median, startEcho, type EchoServer } from "../helpers/wire.ts";

const slow = 180_000;
const deps = { clock: realClock };
const binary = serviceBinary("toxiproxy-server");
let number = 0;

describe.skipIf(!binary)(`faults through toxiproxy${skipReason("toxiproxy-server")}`, { timeout: slow }, () => {
  let server: TestToxiproxy;
  let echo: EchoServer;
  let proxy: string;
  let port: number;
  let target: ToxiproxyTarget;

  beforeAll(async () => {
    server = await startToxiproxy(binary!);
    echo = await startEcho();
  }, slow);
  afterAll(async () => {
    await echo?.stop();
    await server?.stop();
  }, slow);
  beforeEach(async () => {
    // A name that a path must not take as it is; one with a slash is out of toxiproxy's own reach.
    proxy = `it's a "proxy" % ${++number}`;
    port = await server.before(proxy, echo.port);
    target = await resolved();
  });

  async function resolved(): Promise<ToxiproxyTarget> {
    const subject = { id: "n1", url: "http://127.0.0.1:1", role: "node", target: { kind: "toxiproxy", api: server.api, proxy } };
    const found = await toxiproxyTarget.resolve({} as never, subject as never);
    if ("impossible" in found) throw new Error(found.impossible);
    return found.target as ToxiproxyTarget;
  }

  const state = async () => (await server.ask("GET", `/proxies/${encodeURIComponent(proxy)}`)).json;

  /** Adds it, sees that it is there and what it does, takes it away, and sees that nothing of it is left. */
  async function whileImpaired(impairment: Omit<Impairment, "id">, look: () => Promise<void>) {
    const link = toxiproxyLink(target);
    const id = `case-${number}.1`;
    expect(link.supports(impairment)).toBe(true);
    await link.add({ id, ...impairment }, deps);
    await link.add({ id, ...impairment }, deps);
    expect(await link.has(id, deps)).toBe(true);
    await link.renew!(id, deps);
    await look();
    await link.remove(id, deps);
    expect(await link.has(id, deps)).toBe(false);
    await link.remove(id, deps);
    await expect(link.renew!(id, deps)).rejects.toThrow("no longer");
    expect(await state()).toMatchObject({ enabled: true, toxics: [], listen: `127.0.0.1:${port}` });
    expect(await (await connectEcho(port)).ping()).toEqual(expect.any(Number));
  }

  test("partition: silence for new connections and for those made before; one way alone", async () => {
    const before = await connectEcho(port);
    expect(await before.ping()).toEqual(expect.any(Number));
    for (const [direction, arrives] of [
      ["both", false],
      ["to-node", false],
      ["from-node", true],
    ] as const)
      await whileImpaired({ kind: "partition", direction }, async () => {
        for (const client of [direction === "both" ? before : await connectEcho(port), await connectEcho(port)]) {
          const received = echo.received();
          expect(await client.ping(1, 700)).toBe("silent");
          expect(echo.received() > received).toBe(arrives);
          client.close();
        }
      });
  });

  test("latency: what is added is within 10 % of what was asked", async () => {
    const rounds = async () => {
      const client = await connectEcho(port);
      const times = [];
      for (let round = 0; round < 15; round++) times.push(await client.ping());
      client.close();
      return median(times);
    };
    const usual = await rounds();
    for (const [direction, delayMs, addedMs] of [
      ["from-node", 200, 200],
      ["both", 100, 200],
    ] as const)
      await whileImpaired({ kind: "latency", direction, delayMs, jitterMs: 0, distribution: "uniform" }, async () => {
        const added = (await rounds()) - usual;
        expect(added).toBeGreaterThan(addedMs * 0.9);
        // A busy machine adds to both, and not by the same.
        expect(added).toBeLessThan(addedMs * 1.1 + 60);
      });
  });

  test("bandwidth, and answers that are cut", async () => {
    await whileImpaired({ kind: "bandwidth", direction: "from-node", bytesPerSec: 100_000 }, async () => {
      const client = await connectEcho(port);
      const ms = Number(await client.ping(200_000));
      expect(ms).toBeGreaterThan(1_500);
      client.close();
    });
    await whileImpaired({ kind: "reset", direction: "from-node", afterBytes: 10, ratio: 1 }, async () => {
      const client = await connectEcho(port);
      expect(await client.ping(100)).toBe("closed");
      expect(client.socket.bytesRead).toBe(10);
    });
  });

  test("what it cannot do it says, with the reason", () => {
    const link = toxiproxyLink(target);
    const all = { direction: "both" } as const;
    expect(link.supports({ kind: "loss", ...all })).toContain("packets");
    expect(link.supports({ kind: "wrong-answers", ...all })).toContain("answers");
    expect(link.supports({ kind: "partition", from: "127.0.0.2", ...all })).toContain("all clients alike");
    expect(link.supports({ kind: "latency", delayMs: 10, jitterMs: 5, distribution: "pareto", ...all })).toContain("pareto");
    expect(link.supports({ kind: "bandwidth", bytesPerSec: 10, ...all })).toContain("1 kB/s");
  });

  test("healing is bounded while a client does not read what it asked for", async () => {
    const link = toxiproxyLink(target);
    const id = `hang-${number}`;
    await link.add({ id, kind: "latency", direction: "from-node", delayMs: 300 }, deps);
    const client = await connectEcho(port);
    client.socket.pause();
    const chunk = Buffer.alloc(1 << 20);
    for (let sent = 0; sent < 64; sent++) client.socket.write(chunk);
    await realClock.sleep(2_000);
    const startMs = performance.now();
    await link.remove(id, deps);
    expect(performance.now() - startMs).toBeLessThan(15_000);
    expect(await link.has(id, deps)).toBe(false);
    expect(await (await connectEcho(port)).ping()).toEqual(expect.any(Number));
    client.close();
  });

  test("toxics of somebody else stay", async () => {
    const link = toxiproxyLink(target);
    const theirs = { name: "theirs", type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 5, jitter: 0 } };
    await server.ask("POST", `/proxies/${encodeURIComponent(proxy)}/toxics`, theirs);
    await link.add({ id: "one", kind: "partition", direction: "both" }, deps);
    await link.add({ id: "one-more", kind: "latency", direction: "both", delayMs: 1 }, deps);
    await link.remove("one", deps);
    expect((await state()).toxics.map(({ name }: any) => name).toSorted()).toEqual([
      "ragctl-one-more-downstream",
      "ragctl-one-more-upstream",
      "theirs",
    ]);
    await link.remove("one-more", deps);
    expect(await state()).toMatchObject({ enabled: true, toxics: [theirs] });
  });

  test("healing that was cut short at any step is finished by the next", async () => {
    const link = toxiproxyLink(target);
    const path = `/proxies/${encodeURIComponent(proxy)}`;
    await link.add({ id: "cut", kind: "partition", direction: "both" }, deps);
    await server.ask("POST", path, { enabled: false });
    for (const step of ["disabled", "deleted", "made anew"]) {
      if (step === "deleted") await server.ask("DELETE", path);
      if (step === "made anew")
        await server.ask("POST", "/proxies", { name: proxy, listen: target.listen, upstream: target.upstream, enabled: false });
      expect(await link.has("cut", deps), step).toBe(true);
      await link.remove("cut", deps);
      expect(await state(), step).toMatchObject({ enabled: true, toxics: [] });
      expect(await (await connectEcho(port)).ping(), step).toEqual(expect.any(Number));
      await server.ask("POST", path, { enabled: false });
    }
  });

  test("a server that is not there, a proxy that is not there or is cut off already: a sentence", async () => {
    const resolve = async (change: object) => {
      const way = { kind: "toxiproxy", api: server.api, proxy, ...change };
      const found = await toxiproxyTarget.resolve({} as never, { id: "n1", url: "http://h", role: "node", target: way } as never);
      return "impossible" in found ? found.impossible : "possible";
    };
    expect(await resolve({ api: "http://127.0.0.1:1" })).toContain("127.0.0.1:1");
    expect(await resolve({ proxy: "none" })).toContain('no proxy "none"');
    await server.ask("POST", `/proxies/${encodeURIComponent(proxy)}`, { enabled: false });
    expect(await resolve({})).toContain("disabled");
  });

  describe("from the command line", () => {
    let workspace: Workspace;
    let nodes: TestNode[];
    let journal: string;

    beforeAll(async () => {
      workspace = await makeWorkspace();
      journal = join(workspace.stateDir, "faults");
      nodes = await Promise.all([startNode(), startNode(), startNode()]);
    }, slow);
    beforeEach(async () => {
      const name = `node ${++number}`;
      port = await server.before(name, nodes[0]!.port);
      const way = { kind: "toxiproxy", api: server.api, proxy: name };
      const config = {
        clusters: {
          proxied: {
            topology: "routed",
            store: { driver: "qdrant" },
            state: { driver: "sqlite", path: join(workspace.dir, "state.sqlite") },
            nodes: [
              { id: "n1", url: `http://127.0.0.1:${port}`, target: way },
              { id: "n2", url: nodes[1]!.url },
              { id: "n3", url: nodes[2]!.url },
            ],
          },
        },
      };
      writeFileSync(join(workspace.dir, "ragctl.config.json"), JSON.stringify(config));
    });
    afterEach(async () => void (await workspace.cli(["chaos", "heal", "--all"])), slow);
    afterAll(async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      await workspace.stop();
    }, slow);

    const broken = async () =>
      await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(700), headers: { connection: "close" } }).then(
        ({ ok }) => !ok,
        () => true,
      );
    const until = async (wanted: boolean, timeoutMs: number) => {
      const endMs = performance.now() + timeoutMs;
      while ((await broken()) !== wanted) if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms`);
    };

    test("partition for a while, and gone", async () => {
      const run = await workspace.cli(["chaos", "partition", "n1", "--for", "1s", "--json"]);
      expect(run.exitCode, run.stderr).toBe(0);
      expect(run.json().result).toMatchObject({ healed: true, probe: "gone", targets: [{ node: "n1", kind: "toxiproxy" }] });
      expect(await broken()).toBe(false);
    });

    test("kill -9 of ragctl: the watchdog heals; of the watchdog too: the next command does", async () => {
      for (const both of [false, true]) {
        const { child, ended } = workspace.start(["chaos", "partition", "n1", "--for", "60s"]);
        await until(true, 60_000);
        if (both) process.kill(watchdogPid(recordIds(journal)[0]!)!, "SIGKILL");
        child.kill("SIGKILL");
        await ended;
        if (both) expect((await workspace.cli(["status"])).stderr).toContain("healed partition on n1");
        await until(false, 30_000);
        expect((await workspace.cli(["chaos", "status", "--json"])).json().result).toEqual({ active: [], broken: [] });
      }
    });
  });
});

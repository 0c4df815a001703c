import { spawn, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Impairment, Link, SshTarget } from "../../src/faults/contract.ts";
import { recordIds } from "../../src/faults/journal.ts";
import { sshLink } from "../../src/faults/links/ssh.ts";
import { sshTarget } from "../../src/faults/targets/ssh.ts";
import { realClock } from "../../src/runtime.ts";
import { watchdogPid } from "../helpers/fault-journal.ts";
import { makeWorkspace, type Workspace } from "../helpers/local-cluster.ts";
import {
  echoInNamespace,
  makeNamespace,
  namespaceProblem,
  type NamespaceEcho,
  type TestNamespace,
} from "../helpers/namespace.ts";
import { startNode, type TestNode } from "../helpers/node.ts";
import { serviceBinary } from "../helpers/service.ts";
import { startSshd, type TestSshd } from "../helpers/sshd.ts";
import { connectEcho, type EchoClient } from "../helpers/wire.ts";

const slow = 400_000;
const deps = { clock: realClock };
const sshPort = 2222;
const nodePort = 6333;
const sshdPath = serviceBinary("sshd");
const missing = sshdPath ? namespaceProblem() : "no sshd";
/** A lease of 5 s, a second of the timer's own, and what a busy machine takes. */
const undoneWithinMs = 30_000;
let number = 0;

describe.skipIf(missing)(
  `the packet filter of another machine${missing ? ` (skipped: ${missing})` : ""}`,
  { timeout: slow },
  () => {
    let workspace: Workspace;
    let space: TestNamespace;
    let sshd: TestSshd;
    let echo: NamespaceEcho;
    let link: Link;
    let target: SshTarget;
    const clients: EchoClient[] = [];

    beforeAll(async () => {
      workspace = await makeWorkspace();
      space = makeNamespace();
      sshd = await startSshd(workspace.dir, sshdPath!, { host: space.host, port: sshPort, namespace: space.name });
      echo = await echoInNamespace(space);
      const found = await sshTarget.resolve(
        { source: { kind: "config" } } as never,
        { id: "n1", url: `http://${space.host}:${echo.port}`, role: "node", target: way() } as never,
      );
      if ("impossible" in found) throw new Error(found.impossible);
      target = found.target as SshTarget;
      link = sshLink(target);
    }, slow);
    afterEach(() => {
      for (const client of clients.splice(0)) client.close();
    });
    afterAll(async () => {
      await echo?.stop();
      await sshd?.stop();
      space?.stop();
      await workspace?.stop();
    }, slow);

    function way() {
      const { host, port, user, identityFile, options } = sshd;
      return { kind: "ssh", host, port, user, identityFile, options };
    }

    async function client(from?: string, timeoutMs = 10_000): Promise<EchoClient> {
      const host = from?.includes(":") ? space.host6 : space.host;
      const made = await connectEcho(echo.port, { host, timeoutMs, ...(from && { localAddress: from }) });
      clients.push(made);
      return made;
    }

    const rules = () => [space.run("iptables", "-S"), space.run("ip6tables", "-S")].join("").match(/^.*ragctl:.*$/gm) ?? [];

    /** Somebody is there, however long a busy machine takes for the rest. */
    async function renewed(ids: readonly string[], work: () => Promise<void>) {
      const renew = () => ids.map((id) => link.renew!(id, deps).catch(() => undefined));
      const renewing = setInterval(() => void renew(), 1_000);
      try {
        await work();
      } finally {
        clearInterval(renewing);
      }
    }

    async function whileImpaired(impairment: Omit<Impairment, "id">, look: () => Promise<void>) {
      const id = `${impairment.kind}-netns-${process.pid}.${++number}`;
      expect(link.supports(impairment)).toBe(true);
      await renewed([id], async () => {
        await link.add({ id, ...impairment }, deps);
        try {
          await look();
        } finally {
          await link.remove(id, deps);
        }
      });
      expect(await link.has(id, deps)).toBe(false);
      expect(rules()).toEqual([]);
      expect(await (await client()).ping()).toEqual(expect.any(Number));
    }

    test("partition: nothing passes, on connections made before either; IPv6 too", async () => {
      const before = await client();
      const before6 = await client(space.client6);
      await whileImpaired({ kind: "partition", direction: "both" }, async () => {
        expect(rules()).toHaveLength(4);
        const received = echo.received();
        expect(await before.ping(1, 1_500)).toBe("silent");
        expect(await before6.ping(1, 1_500)).toBe("silent");
        await expect(client(undefined, 1_500)).rejects.toThrow("nobody accepts");
        expect(echo.received()).toBe(received);
      });
    });

    test("one direction: requests are carried out, and not answered", async () => {
      for (const [direction, arrives] of [
        ["from-node", true],
        ["to-node", false],
      ] as const) {
        const before = await client();
        await whileImpaired({ kind: "partition", direction }, async () => {
          const received = echo.received();
          expect(await before.ping(1, 1_500)).toBe("silent");
          expect(echo.received() > received).toBe(arrives);
        });
      }
    });

    test("one client of two is cut off", async () => {
      const [cut, free] = space.clients;
      const [first, second] = [await client(cut), await client(free)];
      await whileImpaired({ kind: "partition", direction: "both", from: cut }, async () => {
        expect(rules()).toHaveLength(2);
        expect(await second.ping()).toEqual(expect.any(Number));
        expect(await first.ping(1, 1_500)).toBe("silent");
      });
    });

    test("loss: retransmissions are seen", async () => {
      const one = await client();
      await whileImpaired({ kind: "loss", direction: "both", lossRatio: 0.3 }, async () => {
        let worstMs = 0;
        for (let round = 0; round < 20; round++) worstMs = Math.max(worstMs, Number(await one.ping(1, 60_000)));
        // No loss in 40 packets: once in a million runs. Linux waits 200 ms at least before it sends again.
        expect(worstMs).toBeGreaterThan(150);
      });
    });

    test("bandwidth: what the node sends is held back, and latency where the kernel can", async () => {
      const slowly = { kind: "bandwidth", bytesPerSec: 100_000 } as const;
      expect(link.supports({ ...slowly, direction: "both" })).toContain("from-node");
      const limited = link.supports({ ...slowly, direction: "from-node" });
      if (!target.facts.shaping) expect(limited).toContain("tc cannot");
      else
        await whileImpaired({ ...slowly, direction: "from-node" }, async () => {
          expect(Number(await (await client()).ping(300_000))).toBeGreaterThan(2_000);
        });
      expect(space.run("tc", "qdisc", "show")).not.toContain("htb");

      const late = { kind: "latency", direction: "from-node", delayMs: 200 } as const;
      if (!target.facts.netem) expect(link.supports(late)).toContain("netem");
      else
        await whileImpaired(late, async () => {
          expect(Number(await (await client()).ping())).toBeGreaterThan(180);
        });
    });

    test("rules of two records on one node do not take each other away, nor those of somebody else", async () => {
      const theirs = ["INPUT", "-p", "tcp", "--dport", "9", "-m", "comment", "--comment", "theirs", "-j", "ACCEPT"];
      space.run("iptables", "-I", ...theirs);
      const [one, two] = [`two-${process.pid}.1`, `two-${process.pid}.11`];
      await renewed([one, two], async () => {
        for (const id of [one, one, two])
          await link.add({ id, kind: "partition", direction: "to-node", from: space.clients[0] }, deps);
        expect(await link.has(one, deps)).toBe(true);
        await link.remove(one, deps);
        await link.remove(one, deps);
        expect(await link.has(one, deps)).toBe(false);
        expect(rules().map((rule) => /ragctl:([^ "]+)/.exec(rule)![1])).toEqual([two]);
        await link.remove(two, deps);
      });
      expect(rules()).toEqual([]);
      expect(space.run("iptables", "-S", "INPUT")).toContain("theirs");
      space.run("iptables", "-D", ...theirs);
    });

    test("when the way to the machine is cut too, its own timer undoes the fault", async () => {
      const before = await client();
      const id = `cut-${process.pid}`;
      await link.add({ id, kind: "partition", direction: "both" }, deps);
      await link.renew!(id, deps);
      const cut = ["INPUT", "-p", "tcp", "--dport", String(sshPort), "-j", "DROP"];
      space.run("iptables", "-I", ...cut);
      try {
        await expect(link.renew!(id, deps)).rejects.toThrow(/no answer|ended/);
        await untilTrue(async () => rules().length === 0, undoneWithinMs);
        expect(await before.ping()).toEqual(expect.any(Number));
      } finally {
        space.run("iptables", "-D", ...cut);
      }
      // And the way being there again, the probe proves it.
      expect(await link.has(id, deps)).toBe(false);
      await expect(link.renew!(id, deps)).rejects.toThrow("timer there has ended");
    });

    describe("from the command line", () => {
      let nodes: TestNode[];
      let node: ChildProcess;

      beforeAll(async () => {
        nodes = await Promise.all([startNode(), startNode()]);
        const entry = join(import.meta.dirname, "../../src/node/server.main.ts");
        const command = [
          process.execPath,
          entry,
          "--host",
          space.host,
          "--port",
          String(nodePort),
          "--dir",
          join(workspace.dir, "n1"),
        ];
        node = spawn("ip", ["netns", "exec", space.name, ...command], { stdio: "ignore" });
        const config = {
          clusters: {
            remote: {
              topology: "routed",
              store: { driver: "qdrant" },
              state: { driver: "sqlite", path: join(workspace.dir, "state.sqlite") },
              nodes: [
                { id: "n1", url: `http://${space.host}:${nodePort}`, target: way() },
                { id: "n2", url: nodes[0]!.url },
                { id: "n3", url: nodes[1]!.url },
              ],
            },
          },
        };
        writeFileSync(join(workspace.dir, "ragctl.config.json"), JSON.stringify(config));
        await untilTrue(answers, 60_000);
      }, slow);
      afterAll(async () => {
        node?.kill("SIGKILL");
        await Promise.all((nodes ?? []).map((each) => each.stop()));
      }, slow);

      const answers = () =>
        fetch(`http://${space.host}:${nodePort}/readyz`, {
          signal: AbortSignal.timeout(700),
          headers: { connection: "close" },
        }).then(
          ({ ok }) => ok,
          () => false,
        );

      /** All rules are there: a machine that is merely slow to answer is not partitioned yet. */
      const partitioned = () => untilTrue(async () => rules().length === 4 && !(await answers()), 120_000);

      test("partition beyond the lease, and gone", async () => {
        const { ended } = workspace.start(["chaos", "partition", "n1", "--for", "10s", "--json"]);
        await partitioned();
        await realClock.sleep(6_500);
        expect(await answers()).toBe(false);
        const run = await ended;
        expect(run.exitCode, run.stderr).toBe(0);
        expect(run.json().result).toMatchObject({ healed: true, probe: "gone", targets: [{ node: "n1", kind: "ssh" }] });
        expect(rules()).toEqual([]);
      });

      test("kill -9 of ragctl and its watchdog, and no further command: undone on that machine", async () => {
        const { child, ended } = workspace.start(["chaos", "partition", "n1", "--for", "60s"]);
        await partitioned();
        process.kill(watchdogPid(recordIds(join(workspace.stateDir, "faults"))[0]!)!, "SIGKILL");
        child.kill("SIGKILL");
        await ended;
        await untilTrue(async () => rules().length === 0, undoneWithinMs);
        await untilTrue(answers, undoneWithinMs);
        expect((await workspace.cli(["chaos", "status", "--json"])).json().result).toEqual({ active: [], broken: [] });
      });
    });
  },
);

async function untilTrue(what: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms`);
    await realClock.sleep(50);
  }
}

import { execFile, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SshTarget } from "../../src/faults/contract.ts";
import { sshHost } from "../../src/faults/hosts/ssh.ts";
import { sshTarget } from "../../src/faults/targets/ssh.ts";
import { identify, isStopped, type ProcessIdentity } from "../../src/process-identity.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { freePort } from "../helpers/free-port.ts";
import { makeWorkspace, type Workspace } from "../helpers/local-cluster.ts";
import { startNode, type TestNode } from "../helpers/node.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { startSshd, type TestSshd } from "../helpers/sshd.ts";
import { systemdStandIn, type StandInUnits } from "../helpers/systemd-stand-in.ts";

const slow = 400_000;
const deps = { clock: realClock };
const sshdPath = serviceBinary("sshd");
const crashes = Number(process.env["RAGCTL_TEST_CRASHES"] ?? 4);
const seed = Number(process.env["RAGCTL_SEED"] ?? 20_261_121);
/** A lease of 5 s, a second of the timer's own, and what a busy machine takes. */
const undoneWithinMs = 30_000;
const begunWithinMs = 120_000;

describe.skipIf(!sshdPath)(`faults through ssh${skipReason("sshd")}`, { timeout: slow }, () => {
  describe.concurrent("one machine", () => {
    describe("in turn", { concurrent: false }, () => {
      const machine = useMachine("ragctl-test@n1.service");

      test("kill-node: dead for as long as it was told, started by its unit, proven", async () => {
        const before = machine.units.pidOf(machine.unit)!;
        const run = await machine.workspace.cli(["chaos", "kill-node", "n1", "--restart-after", "1s", "--json"]);
        expect(run.exitCode, run.stderr).toBe(0);
        expect(run.json().result).toMatchObject({ healed: true, probe: "gone", targets: [{ node: "n1", kind: "ssh" }] });
        expect(identify(before)).toBeUndefined();
        expect(machine.units.pidOf(machine.unit)).not.toBe(before);
        expect(await machine.answers()).toBe(true);
        expect(machine.leftOnHost()).toEqual([]);
      });

      test("hang: stopped, then it goes on as the same process; renewed beyond the lease", async () => {
        const identity = identify(machine.units.pidOf(machine.unit)!)!;
        const { ended } = machine.workspace.start(["chaos", "hang", "n1", "--for", "12s", "--json"]);
        await untilTrue(() => isStopped(identity.pid), begunWithinMs);
        // Beyond the timer's lease, because somebody is there.
        await new Promise((resolve) => setTimeout(resolve, 7_500));
        expect(isStopped(identity.pid)).toBe(true);
        const run = await ended;
        expect(run.exitCode, run.stderr).toBe(0);
        expect(run.stderr).not.toContain("not renewed");
        expect(identify(identity.pid)).toEqual(identity);
        expect(isStopped(identity.pid)).toBe(false);
        expect(await machine.answers()).toBe(true);
        expect(machine.leftOnHost()).toEqual([]);
      });

      test("kill -9 of ragctl and of its watchdog, and nobody comes: the timer on the host undoes it", async () => {
        const identity = identify(machine.units.pidOf(machine.unit)!)!;
        await machine.abandon(["chaos", "hang", "n1", "--for", "60s"], () => isStopped(identity.pid));
        await untilTrue(() => !isStopped(identity.pid), undoneWithinMs);
        expect(identify(identity.pid)).toEqual(identity);
        await untilTrue(() => machine.leftOnHost().length === 0, 10_000);

        await machine.abandon(["chaos", "kill-node", "n1", "--restart-after", "60s"], () => identify(identity.pid) === undefined);
        await untilTrue(() => machine.answers(), undoneWithinMs);
        expect(machine.units.pidOf(machine.unit)).not.toBe(identity.pid);
        await untilTrue(() => machine.leftOnHost().length === 0, 10_000);
        // The next command finds the records, and proves that nothing is left.
        const status = await machine.workspace.cli(["chaos", "status", "--json"]);
        expect(status.json().result).toEqual({ active: [], broken: [] });
      });

      test("burners end when they are told to, and by themselves", async () => {
        const { burner } = sshHost(await machine.resolveTarget());
        const dir = join(machine.workspace.dir, "burn it's");
        await promisify(execFile)("mkdir", [dir]);
        const files = () => readdirSync(dir, { withFileTypes: true });
        const id = `burn-${Date.now()}`;
        const spec = { id, burn: { cpuShare: 0.1, memoryBytes: 4_000_000, disk: { dir, bytes: 1_000_000 } }, ttlMs: 60_000 };
        const identity = await burner!.start(spec, deps);
        expect(identify(identity.pid)).toEqual(identity);
        expect(files()).toHaveLength(1);
        expect(await burner!.runs(id, deps)).toBe(true);
        expect(await burner!.renew(id, deps)).toBe(true);
        await burner!.stop(id, deps);
        expect(await burner!.runs(id, deps)).toBe(false);
        expect(files()).toEqual([]);

        await burner!.start({ ...spec, id: `${id}-left`, ttlMs: 5_000 }, deps);
        expect(await burner!.renew(`${id}-left`, deps)).toBe(true);
        await untilTrue(() => files().length === 0 && machine.leftOnHost().length === 0, undoneWithinMs);
        // Its timer is on its way out, and then says so.
        await untilTrue(async () => !(await burner!.renew(`${id}-left`, deps)), undoneWithinMs);
      });
    });
  });

  describe.concurrent("another machine", () => {
    describe("in turn", { concurrent: false }, () => {
      const machine = useMachine("ragctl-test@m1.service");

      test("what the host can do is found out once, and a process is known by pid and start time", async () => {
        const target = await machine.resolveTarget();
        expect(target.facts.systemd).toBe(true);
        expect(await sshHost(target).identify(deps)).toEqual(identify(machine.units.pidOf(machine.unit)!));
      });

      test("no key, no known host, nobody there: a sentence and what to do, and no password asked", async () => {
        const wrong = async (change: object) => {
          const config = machine.configOf();
          Object.assign(config.clusters.remote.nodes[0]!.target!, change);
          writeFileSync(join(machine.workspace.dir, "wrong.json"), JSON.stringify(config));
          const run = await machine.workspace.cli(["chaos", "hang", "n1", "--for", "1s", "--config", "wrong.json"]);
          expect(run.exitCode).toBe(3);
          return run.stderr;
        };
        expect(await wrong({ identityFile: "no-such-key" })).toMatch(/Permission denied.*no passwords/s);
        expect(await wrong({ options: ["UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null"] })).toMatch(
          /host key.*by hand/is,
        );
        expect(await wrong({ port: 1 })).toMatch(/refused/);
      });

      test(
        `kill -9 at ${crashes} moments, of the watchdog too in every second round: whole again, and nothing left`,
        async () => {
          const rng = seededRng(seed);
          for (let round = 0; round < crashes; round++) {
            const identity = identify(machine.units.pidOf(machine.unit)!)!;
            const atMs = Math.floor(rng() * 5_000);
            const { child, ended } = machine.workspace.start(["chaos", "hang", "n1", "--for", "60s"]);
            await realClock.sleep(atMs);
            child.kill("SIGKILL");
            if (round % 2 === 1) for (const pid of machine.watchdogs()) process.kill(pid, "SIGKILL");
            await ended;
            const where = `seed ${seed}, round ${round}, killed after ${atMs} ms`;
            const whole = () => !isStopped(identity.pid) && machine.leftOnHost().length === 0;
            // What was on its way to the host may arrive after ragctl is gone: two looks.
            await untilTrue(whole, undoneWithinMs, where);
            await realClock.sleep(1_500);
            await untilTrue(whole, undoneWithinMs, where);
            expect(identify(identity.pid), where).toEqual(identity);
            expect((await machine.workspace.cli(["chaos", "status", "--json"])).json().result, where).toEqual({
              active: [],
              broken: [],
            });
          }
        },
        slow + crashes * 60_000,
      );

      test("the timer: armed twice it is one, a blow that comes after the healing is not struck", async () => {
        const target = await machine.resolveTarget();
        const [host, process] = [sshHost(target), identify(machine.units.pidOf(machine.unit)!)!];
        const id = `arm-${Date.now()}`;
        const spec = { id, undo: { process, by: "SIGCONT" as const }, ttlMs: 60_000 };
        await host.arm!(spec, deps);
        await host.arm!(spec, deps);
        expect(machine.leftOnHost()).toEqual([id]);
        expect(await host.signal(process, "SIGSTOP", deps)).toBe(true);
        expect(await host.state(process, deps)).toBe("stopped");
        await host.disarm!(id, deps);
        expect(await host.state(process, deps)).toBe("running");
        expect(machine.leftOnHost()).toEqual([]);
        await expect(host.arm!(spec, deps)).rejects.toThrow("healed before it was injected");
        await host.disarm!(id, deps);
        expect(await host.state(process, deps)).toBe("running");
      });

      test("another process under that pid is not touched", async () => {
        const target = await machine.resolveTarget();
        const other = spawn("sleep", ["60"], { stdio: "ignore" });
        try {
          const wrong: ProcessIdentity = { pid: other.pid!, startTime: identify(machine.units.pidOf(machine.unit)!)!.startTime };
          const host = sshHost(target);
          expect(await host.signal(wrong, "SIGKILL", deps)).toBe(false);
          expect(await host.state(wrong, deps)).toBe("gone");
          expect(identify(other.pid!)).toBeDefined();
        } finally {
          other.kill("SIGKILL");
        }
      });

      test("a pid file with an awkward name; nobody could start it again", async () => {
        const awkward = join(machine.workspace.dir, "it's a `pid` $(touch pwned); file");
        writeFileSync(awkward, `${machine.units.pidOf(machine.unit)}\n`);
        const target = await machine.resolveTarget({ pidFile: awkward });
        expect(await sshHost(target).identify(deps)).toEqual(identify(machine.units.pidOf(machine.unit)!));
        expect(sshHost(target).canStart()).toContain("pid file");
        for (const dir of [machine.workspace.dir, process.env["HOME"]!, process.cwd()])
          expect(existsSync(join(dir, "pwned"))).toBe(false);
      });
    });
  });
});

/** A machine that is reached through ssh: one node under systemd, three others beside it, and whatever drives them in a directory of its own. */
class Machine {
  readonly unit: string;
  workspace!: Workspace;
  units!: StandInUnits;
  #sshd: TestSshd | undefined;
  #nodes: TestNode[] = [];
  #port = 0;

  constructor(unit: string) {
    this.unit = unit;
  }

  async start(): Promise<void> {
    this.workspace = await makeWorkspace();
    const { dir } = this.workspace;
    const { unit } = this;
    this.units = systemdStandIn(dir, async (command) => void (await promisify(execFile)("sh", ["-c", command])));
    this.#port = await freePort();
    this.#nodes = await Promise.all([startNode(), startNode(), startNode()]);
    this.#sshd = await startSshd(dir, sshdPath!, { port: await freePort(), path: this.units.bin });
    const entry = join(import.meta.dirname, "../../src/node/server.main.ts");
    const data = join(dir, 'it\'s a "node" $(touch pwned)');
    this.units.define(unit, [process.execPath, entry, "--port", String(this.#port), "--dir", data]);
    await this.units.start(unit);
    await untilTrue(() => this.answers(), 60_000);
    writeFileSync(join(dir, "ragctl.config.json"), JSON.stringify(this.configOf()));
  }

  async stop(): Promise<void> {
    await this.#sshd?.stop();
    this.units?.stop();
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.workspace?.stop();
  }

  configOf(how: { unit: string } | { pidFile: string } = { unit: this.unit }) {
    const { host, user, identityFile, options, port } = this.#sshd!;
    const target = { kind: "ssh", host, port, user, identityFile, options, ...how };
    const others = this.#nodes.map(({ url }, index) => ({ id: `n${index + 2}`, url }));
    return {
      clusters: {
        remote: {
          topology: "routed",
          store: { driver: "qdrant" },
          state: { driver: "sqlite", path: join(this.workspace.dir, "state.sqlite") },
          nodes: [{ id: "n1", url: `http://127.0.0.1:${this.#port}`, target }, ...others] as {
            id: string;
            url: string;
            target?: object;
          }[],
        },
      },
      default: "remote",
    };
  }

  async resolveTarget(how?: { pidFile: string }): Promise<SshTarget> {
    const [node] = this.configOf(how).clusters.remote.nodes;
    const resolved = await sshTarget.resolve({ source: { kind: "config" } } as never, { ...node, role: "node" } as never);
    if ("impossible" in resolved) throw new Error(resolved.impossible);
    return resolved.target as SshTarget;
  }

  answers(): Promise<boolean> {
    return fetch(`http://127.0.0.1:${this.#port}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Ids of the timers that are set on the "other" machine, by this test's own faults. */
  leftOnHost(): string[] {
    const base = process.getuid?.() === 0 ? "/run/ragctl" : join(process.env["HOME"]!, ".ragctl");
    if (!existsSync(base)) return [];
    return readdirSync(base).filter((name) => !name.endsWith(".healed") && this.#guards(join(base, name)));
  }

  #guards(dir: string): boolean {
    try {
      const program = readFileSync(join(dir, "program"), "utf8");
      const burns = /^burn_end$/m.test(program) && program.includes(this.workspace.dir);
      return burns || program.includes(`strike CONT ${this.units.pidOf(this.unit)} `) || program.includes(this.unit);
    } catch {
      return false;
    }
  }

  /** Lets a fault begin, then kills everything of ragctl on this machine that could heal it. */
  async abandon(argv: string[], begun: () => boolean): Promise<void> {
    const { child, ended } = this.workspace.start(argv);
    await untilTrue(begun, begunWithinMs);
    for (const pid of this.watchdogs()) process.kill(pid, "SIGKILL");
    child.kill("SIGKILL");
    await ended;
  }

  watchdogs(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => {
        try {
          const line = readFileSync(`/proc/${name}/cmdline`, "utf8");
          return line.includes("watchdog.main") && line.includes(this.workspace.stateDir);
        } catch {
          return false;
        }
      })
      .map(Number);
  }
}

function useMachine(unit: string): Machine {
  const machine = new Machine(unit);
  beforeAll(() => machine.start(), slow);
  afterAll(() => machine.stop(), slow);
  return machine;
}

async function untilTrue(what: () => boolean | Promise<boolean>, timeoutMs: number, where = ""): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms ${where}`);
    await realClock.sleep(50);
  }
}

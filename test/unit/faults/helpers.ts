import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import type { Fault, HealRecord, Probe, ProcessTarget } from "../../../src/faults/contract.ts";
import { identify, type ProcessIdentity } from "../../../src/process-identity.ts";

export const self = identify(process.pid)!;
/** A process that cannot be: this one's pid with another start. */
export const deadOwner: ProcessIdentity = { ...self, startTime: "never/0" };

export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "ragctl-faults-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A process that sleeps until it is killed; killed at the end of the test whatever happens. */
export function sleeper(): { child: ChildProcess; identity: ProcessIdentity; exited: Promise<string | null> } {
  const child = spawn("sleep", ["300"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = new Promise<string | null>((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
  return { child, identity: identify(child.pid!)!, exited };
}

export function targetOf(process: ProcessIdentity, more: Partial<ProcessTarget> = {}): ProcessTarget {
  return { kind: "process", node: "n2", process, readyUrl: "http://127.0.0.1:1/readyz", ...more };
}

export function recordOf(more: Partial<HealRecord> = {}): HealRecord {
  return {
    schemaVersion: 1,
    id: "kill-node-x",
    act: "kill-node-x",
    fault: "test-fault",
    cluster: "local",
    target: targetOf(self),
    undo: null,
    createdAt: 1_700_000_000_000,
    lease: { owner: self, ttlMs: 5_000, hold: false },
    ...more,
  };
}

/** A fault on a variable: what was called, in order, and whether it is active. */
export function variableFault(options: { healWorks?: () => boolean } = {}) {
  const calls: string[] = [];
  const state = { active: false };
  const fault: Fault = {
    name: "test-fault",
    targets: ["process"],
    options: z.strictObject({}),
    reversible: true,
    healTimeoutMs: 10_000,
    prepare: async () => {
      calls.push("prepare");
      return { was: state.active };
    },
    inject: async () => {
      calls.push("inject");
      state.active = true;
    },
    heal: async () => {
      calls.push("heal");
      if (options.healWorks?.() ?? true) state.active = false;
    },
    probe: async (): Promise<Probe> => (state.active ? "active" : "gone"),
  };
  return { fault, calls, state, registry: { "test-fault": fault } };
}

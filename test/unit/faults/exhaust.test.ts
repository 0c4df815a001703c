import { existsSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { dutyOf, periodMs } from "../../../src/faults/exhaust/duty.ts";
import { exhaust } from "../../../src/faults/exhaust/exhaust.ts";
import { burnerFiles, diskFile, readBurner } from "../../../src/faults/exhaust/layout.ts";
import { localBurner } from "../../../src/faults/exhaust/local-burner.ts";
import { refuseTheLast } from "../../../src/faults/exhaust/room.ts";
import { isAlive } from "../../../src/process-identity.ts";
import { realClock } from "../../../src/runtime.ts";
import { recordOf, self, targetOf, temporaryDir } from "./helpers.ts";

describe("a core is busy for its share of each period", () => {
  test.each([
    [0.8, 0, 80, 20],
    [0.8, 30, 50, 20],
    [0.8, 90, 0, 10],
    [1, 0, 100, 0],
    [1, 99, 1, 0],
    [0, 0, 0, 100],
    [2, 0, 100, 0],
  ])("share %f at %i ms: %i ms busy, %i ms rest", (share, offsetMs, spinMs, restMs) => {
    expect(dutyOf(share, offsetMs)).toEqual({ spinMs: expect.closeTo(spinMs, 9), restMs: expect.closeTo(restMs, 9) });
  });
  test("from any moment on, busy and rest fill the period", () => {
    for (let offsetMs = 0; offsetMs < periodMs; offsetMs += 7) {
      const { spinMs, restMs } = dutyOf(0.3, offsetMs);
      expect(offsetMs + spinMs + restMs).toBeCloseTo(periodMs, 9);
    }
  });
});

describe("the last of the machine is refused", () => {
  const gib = 2 ** 30;
  const room = { memory: 2 * gib, disk: 10 * gib };
  const refuse =
    (memoryBytes: number, diskBytes: number, keep = gib) =>
    () =>
      refuseTheLast({ memoryBytes, diskBytes }, room, { keep, dir: "/data" });
  test("what fits is let by", () => {
    expect(refuse(gib, 9 * gib)).not.toThrow();
    expect(refuse(0, 10 * gib, 0)).not.toThrow();
  });
  test("each with what would stay", () => {
    expect(refuse(0, 9.5 * gib)).toThrow(
      expect.objectContaining({ exitCode: 7, message: expect.stringContaining("512 MiB of the disk free") }),
    );
    expect(refuse(2 * gib, 10 * gib)).toThrow(/disk free.*; 2.00 GiB of memory would leave less than 256 MiB/);
  });
});

const deps = { clock: realClock, execPath: process.execPath };
let count = 0;

function burning(burn: Parameters<typeof localBurner.start>[0]["burn"], ttlMs = 60_000) {
  const id = `test-${process.pid}-${++count}`;
  onTestFinished(() => localBurner.stop(id, deps));
  return { id, started: localBurner.start({ id, burn, ttlMs }, deps) };
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await what()); tries++) {
    if (tries > 600) throw new Error("not within a minute");
    await realClock.sleep(100);
  }
}

describe("a burner", { timeout: 120_000 }, () => {
  test("takes what it was told, says who it is, and gives it all back when it is stopped", async () => {
    const dir = temporaryDir();
    const { id, started } = burning({ cpuShare: 0.05, memoryBytes: 20_000_000, disk: { dir, bytes: 3_000_000 } });
    const process = await started;
    expect(isAlive(process)).toBe(true);
    await until(() => existsSync(diskFile(dir, id)) && statSync(diskFile(dir, id)).size === 3_000_000);
    expect(await localBurner.runs(id, deps)).toBe(true);
    expect(await localBurner.renew(id, deps)).toBe(true);
    await localBurner.stop(id, deps);
    expect(isAlive(process)).toBe(false);
    expect(existsSync(diskFile(dir, id))).toBe(false);
    expect(existsSync(burnerFiles(id).dir)).toBe(false);
    expect(await localBurner.runs(id, deps)).toBe(false);
    expect(await localBurner.renew(id, deps)).toBe(false);
    await localBurner.stop(id, deps);
  });
  test("ends by itself, and takes its file with it, once nobody renews", async () => {
    const dir = temporaryDir();
    const { id, started } = burning({ disk: { dir, bytes: 1_000 } }, 1_000);
    const process = await started;
    await until(() => !isAlive(process));
    expect(existsSync(diskFile(dir, id))).toBe(false);
    expect(existsSync(burnerFiles(id).dir)).toBe(false);
  });
  test("a lease that is set into the future does not keep it: it must move", async () => {
    const { id, started } = burning({ memoryBytes: 1_000 }, 1_000);
    const process = await started;
    utimesSync(burnerFiles(id).lease, 4_000_000_000, 4_000_000_000);
    await until(() => !isAlive(process));
  });
  test("says why it ended where it could not take what it was told", async () => {
    const { id, started } = burning({ disk: { dir: "/nowhere/at/all", bytes: 1_000 } });
    const process = await started.catch(() => undefined);
    await until(() => readBurner(id)?.problem !== undefined);
    expect(readBurner(id)!.problem).toContain("ENOENT");
    if (process) await until(() => !isAlive(process));
    expect(await localBurner.renew(id, deps)).toBe(false);
  });
});

describe("the fault", () => {
  const parse = (given: Record<string, unknown>) => exhaust.options.safeParse(given);
  test("wants to be told what", () => {
    expect(parse({}).error!.issues[0]!.message).toContain("--cpu 80%");
    expect(parse({ cpu: "80%" }).data).toMatchObject({ cpu: 0.8, keepDisk: 2 ** 30 });
  });
  test("takes disk where the node's data lies; where that is not known, it says so", () => {
    const options = exhaust.options.parse({ disk: "1MiB" });
    expect(exhaust.possible!(targetOf(self), options)).toMatch(/--dir says it/);
    expect(exhaust.possible!(targetOf(self), { ...options, dir: "/data" })).toBe(true);
    const supervisor = { dir: "/x/.ragctl", clusterId: "c1" };
    expect(exhaust.possible!(targetOf(self, { supervisor }), options)).toBe(true);
  });
  test("its file is removed even where the burner's own notes are lost", async () => {
    const dir = temporaryDir();
    const record = recordOf({
      id: `test-${process.pid}-lost`,
      fault: "exhaust",
      undo: { cpuShare: null, memoryBytes: null, disk: { dir, bytes: 10 } },
    });
    writeFileSync(diskFile(dir, record.id), "0123456789");
    expect(await exhaust.probe(record, deps)).toBe("active");
    await exhaust.heal(record, deps);
    expect(await exhaust.probe(record, deps)).toBe("gone");
    await exhaust.heal(record, deps);
  });
});

import { readFileSync, statSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { ProcessIdentity } from "../../process-identity.ts";
import type { BurnSpec } from "../contract.ts";

/** Where a burner of this machine keeps what others need to end it. */
export interface BurnerFiles {
  dir: string;
  /** What to burn. */
  spec: string;
  /** Whose modification time is the lease. */
  lease: string;
  /** Who burns. */
  process: string;
  /** Why it ended by itself, where it did. */
  problem: string;
}

export function burnerFiles(id: string): BurnerFiles {
  const dir = join(tmpdir(), `ragctl-burn-${id}`);
  const at = (name: string) => join(dir, name);
  return { dir, spec: at("spec.json"), lease: at("lease"), process: at("process.json"), problem: at("problem") };
}

/** The file that takes the space; named after the record, so that whoever heals knows it without asking. */
export function diskFile(dir: string, id: string): string {
  return join(dir, `.ragctl-burn-${id}`);
}

/** @returns undefined where there is none; or where somebody else made the directory, who might name processes of ours in it */
export function readBurner(id: string): { spec?: BurnSpec; process?: ProcessIdentity; problem?: string } | undefined {
  const files = burnerFiles(id);
  const stat = statSync(files.dir, { throwIfNoEntry: false });
  if (!stat || stat.uid !== userInfo().uid) return undefined;
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  };
  const [spec, process, problem] = [read(files.spec), read(files.process), read(files.problem)];
  return {
    ...(spec && { spec: JSON.parse(spec) as BurnSpec }),
    ...(process && { process: JSON.parse(process) as ProcessIdentity }),
    ...(problem !== undefined && { problem }),
  };
}

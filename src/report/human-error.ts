import { ExitCode, type RagctlError } from "../errors.ts";
import { stackOf } from "./document.ts";
import type { Style } from "./style.ts";

/** An error for people: the sentence, then what to do. A stack only where ragctl itself is at fault. */
export function humanError(error: RagctlError, style: Style): string {
  const stack = error.exitCode === ExitCode.bug ? `${style.dim(stackOf(error))}\n` : "";
  const hint = error.hint ? `${style.dim("hint:")} ${error.hint}\n` : "";
  return `${stack}${style.bad("error:")} ${error.message}\n${hint}`;
}

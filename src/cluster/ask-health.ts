import type { LoopDelay } from "./loop-delay.ts";

/** What an unanswered question after a node's health says: nothing of the node, where nobody could have answered it, or nobody here could have heard. */
export type Health = "well" | "silent" | "unclear";

/** A process that was late by this part of the time that an answer had may have missed it. */
const heldUpPart = 0.25;

/**
 * Pure.
 * @param lateMs how late this process came to its own timers meanwhile
 * @param others whether another node answered in the same time; undefined where there is no other
 */
export function judgeHealth(seen: { answered: boolean; lateMs: number; withinMs: number; others: boolean | undefined }): Health {
  const { answered, lateMs, withinMs, others } = seen;
  if (answered) return "well";
  return lateMs >= heldUpPart * withinMs || others === false ? "unclear" : "silent";
}

export interface HealthQuestion {
  /** Whether the node answers within `withinMs`. */
  ask: () => Promise<boolean>;
  withinMs: number;
  /** Whether another node does, asked in the same moment: where none does, it is this machine, or the way to all of them. Undefined: there is no other. */
  askOthers: (() => Promise<boolean>) | undefined;
  delay: LoopDelay;
}

/** One question, and what its answer is worth. */
export async function askHealth({ ask, withinMs, askOthers, delay }: HealthQuestion): Promise<Health> {
  const endDelay = delay.watch();
  const others = askOthers?.();
  const answered = await ask();
  const lateMs = endDelay();
  return judgeHealth({ answered, lateMs, withinMs, others: answered ? undefined : await others });
}

/** So often nobody may answer until it is taken for what it looks like: they are all gone. */
const rounds = 3;

/**
 * Whether a node hangs. What is unclear is asked again: while this process is held up, no node is blamed for it; where no node at all answers several times in
 * a row, this one does not either.
 */
export async function hangs(question: HealthQuestion): Promise<boolean> {
  let lateMs = 0;
  for (let round = 1; ; round++) {
    const endDelay = question.delay.watch();
    const health = await askHealth(question);
    lateMs = endDelay();
    if (health !== "unclear") return health === "silent";
    if (round === rounds) return lateMs < heldUpPart * question.withinMs;
  }
}

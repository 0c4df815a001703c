/**
 * The functions of the kernel (kernel/assembly/index.ts says what they do). All work on items [from, to); the other arguments are addresses
 * in the shared memory, and counts.
 */
export type KernelFunction =
  | "nearest"
  | "scores"
  | "closer"
  | "addRows"
  | "prepare"
  | "shift"
  | "squareToOwn"
  | "bounded"
  | "cheapest";

export type KernelExports = Record<KernelFunction, (from: number, to: number, ...args: number[]) => void>;

/** How the kernel multiplies and adds: `relaxed` fuses the two where the processor can. */
export type KernelVariant = "simd" | "relaxed";

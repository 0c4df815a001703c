/** The part of WebAssembly's interface that the kernel needs; TypeScript has its types only together with those of browsers. */
interface Engine {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => SharedMemory;
  Module: new (bytes: Uint8Array) => KernelModule;
  Instance: new (module: KernelModule, imports: { env: { memory: SharedMemory } }) => { exports: object };
  validate(bytes: Uint8Array): boolean;
}

/** A WebAssembly.Memory that threads share. */
export interface SharedMemory {
  /** Another object after each `grow`, of the same memory. */
  readonly buffer: SharedArrayBuffer;
  /** @returns pages before */
  grow(pages: number): number;
}

/** A compiled WebAssembly.Module; can be sent to threads. */
export type KernelModule = object & { readonly kernelModule?: never };

export const engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;

export const pageBytes = 65_536;
export const mostPages = 65_536;

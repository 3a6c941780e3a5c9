import { fileURLToPath } from 'node:url';
import type { SandboxSpec } from '../port.ts';

/** The platform's own Node, inside. */
export const NODE_INSIDE = '/opt/karta/node';
export const PROGRAM_INSIDE = '/opt/karta/reader.mjs';

/** The spec with what the reader needs, unless it has it already; for drivers that bind host files. */
export function withReader(spec: SandboxSpec): SandboxSpec {
  const own = [
    { source: process.execPath, target: NODE_INSIDE },
    {
      source: fileURLToPath(new URL('./reader-program.mjs', import.meta.url)),
      target: PROGRAM_INSIDE,
    },
  ];
  const taken = new Set(spec.tools.map((tool) => tool.target));
  return { ...spec, tools: [...spec.tools, ...own.filter((tool) => !taken.has(tool.target))] };
}

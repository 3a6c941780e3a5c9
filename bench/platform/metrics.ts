import type { BenchServer } from './server.ts';

/** One number of the server's metrics page, named with its labels as the page has it. */
export async function metric(server: BenchServer, name: string): Promise<number> {
  const page = await (await fetch(new URL('/metrics', server.internalOrigin))).text();
  const line = page.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  if (line === undefined) throw new Error(`the server has no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

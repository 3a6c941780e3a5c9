/** The `q`-quantile (0 to 1) of the samples, by linear interpolation. Throws on no samples. */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new Error('quantile of no samples');
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? 0;
  const above = sorted[Math.ceil(position)] ?? below;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/**
 * Runs `a` and `b` in turn, A B B A A B …, so that a slow minute of the machine falls on both, and
 * returns what each call resolved to, in milliseconds or whatever unit they measure.
 */
export async function interleave(
  pairs: number,
  a: (index: number) => Promise<number>,
  b: (index: number) => Promise<number>,
): Promise<{ a: number[]; b: number[] }> {
  const samples = { a: [] as number[], b: [] as number[] };
  for (let index = 0; index < pairs; index++) {
    const aFirst = index % 2 === 0;
    if (aFirst) samples.a.push(await a(index));
    samples.b.push(await b(index));
    if (!aFirst) samples.a.push(await a(index));
  }
  return samples;
}

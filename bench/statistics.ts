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
 * A harness still writes to its store when its turn is told to be over. The platform tells it a little
 * later than the bare harness does, so without a rest it would pay for more of the other's work.
 */
const REST_MS = 40;

/**
 * Runs `a` and `b` in turn, each after a short rest A B B A A B …, so that a slow
 * minute of the machine falls on both, and returns what each call resolved to, in milliseconds or whatever unit they measure.
 */
export async function interleave(
  pairs: number,
  a: (index: number) => Promise<number>,
  b: (index: number) => Promise<number>,
): Promise<{ a: number[]; b: number[] }> {
  const samples = { a: [] as number[], b: [] as number[] };
  const take = async (into: number[], run: (index: number) => Promise<number>, index: number) => {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    into.push(await run(index));
  };
  for (let index = 0; index < pairs; index++) {
    const aFirst = index % 2 === 0;
    if (aFirst) await take(samples.a, a, index);
    await take(samples.b, b, index);
    if (!aFirst) await take(samples.a, a, index);
  }
  return samples;
}

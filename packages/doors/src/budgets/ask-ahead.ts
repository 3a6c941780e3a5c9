import type { Cap } from './cap.ts';
import { type Amounts, largest } from './demand.ts';
import { CALLS_AHEAD } from './limits.ts';

/**
 * What to ask for: enough for those who wait and some calls more, or twice what went since the last
 * answer, so that blocks grow with their use. Nothing of what no cap among `caps` counts, unless
 * none is known.
 */
export function amountsAhead(
  caps: readonly Cap[],
  one: Amounts,
  minimum: Amounts,
  waiting: number,
): Amounts {
  const calls = CALLS_AHEAD + BigInt(waiting);
  const counting = (metric: Cap['metric']) => caps.filter((cap) => cap.metric === metric);
  const twice = (metric: Cap['metric']) =>
    largest(counting(metric).map((cap) => 2n * cap.takenSinceAsk));
  const total = counting('total_tokens').length > 0;
  const of = (metric: 'input_tokens' | 'output_tokens' | 'cost', other = false) => {
    const asked = caps.length === 0 || other || counting(metric).length > 0;
    return asked ? largest([minimum[metric], calls * one[metric], twice(metric)]) : minimum[metric];
  };
  const input = of('input_tokens', total);
  const output = of('output_tokens', total);
  const more = twice('total_tokens') - input - output;
  return {
    input_tokens: more > 0n ? input + more : input,
    output_tokens: output,
    cost: of('cost'),
  };
}

import type { Harness } from '@karta/harness';
import { type Finding, finding } from './finding.ts';

/** Which harnesses are installed. One is enough: another that is absent is no fault. */
export async function harnessFindings(harnesses: readonly Harness[]): Promise<Finding[]> {
  const looked = await Promise.all(
    harnesses.map(async (harness) => ({ harness, found: await harness.installed() })),
  );
  const any = looked.some(({ found }) => found.installed);
  return looked.map(({ harness, found }) =>
    found.installed
      ? finding('harness', harness.name, 'good', [found.version])
      : finding(
          'harness',
          harness.name,
          any ? 'weak' : 'missing',
          ['not installed'],
          [found.message],
        ),
  );
}

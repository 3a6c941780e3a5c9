import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { applicationCases } from './cases/application.ts';
import { approvalCases } from './cases/approvals.ts';
import { cancelCases } from './cases/cancel.ts';
import type { CaseContext } from './cases/context.ts';
import { historyCases } from './cases/history.ts';
import { hostileFolderCases } from './cases/hostile-folder.ts';
import { providerErrorCases } from './cases/provider-errors.ts';
import { resumeCases } from './cases/resume.ts';
import { streamingCases } from './cases/streaming.ts';
import { subAgentCases } from './cases/sub-agents.ts';
import { warmCases } from './cases/warm.ts';
import type { BootOptions, ConformanceKit, Stand } from './kit.ts';

/**
 * What every harness adapter must do, on the real binary in a real sandbox, with a scripted model.
 * Cases run one after the other; most share one running harness.
 */
export function harnessConformance(name: string, kit: ConformanceKit): void {
  describe(name, () => {
    const stands: Stand[] = [];
    let shared: Promise<Stand> | null = null;
    const own = async (options: BootOptions): Promise<Stand> => {
      const stand = await kit.boot(options);
      stands.push(stand);
      return stand;
    };
    const context: CaseContext = {
      kit,
      own,
      shared: () => {
        shared ??= kit.boot({ fixture: 'basic' });
        return shared;
      },
    };
    beforeAll(() => context.shared());
    // What a failed case left behind must not fail the next one.
    afterEach(async ({ task }) => {
      if (task.result?.state !== 'fail') return;
      const stand = await shared;
      shared = null;
      await stand?.end();
    });
    afterAll(async () => {
      await (await shared)?.end();
      await kit.close();
    });

    describe('streaming', () => streamingCases(context));
    describe('approvals', () => approvalCases(context));
    describe('cancelling', () => cancelCases(context));
    describe('sub-agents', () => subAgentCases(context));
    describe('the application', () => applicationCases(context));
    describe('on a stand of their own', () => {
      afterEach(() => endAll(stands));
      providerErrorCases(context);
      historyCases(context);
      resumeCases(context);
      hostileFolderCases(context);
      warmCases(context);
    });
  });
}

async function endAll(stands: Stand[]): Promise<void> {
  await Promise.all(stands.splice(0).map((stand) => stand.end()));
}

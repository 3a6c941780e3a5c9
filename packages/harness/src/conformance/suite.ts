import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { applicationCases } from './cases/application.ts';
import { approvalCases } from './cases/approvals.ts';
import { cancelCases } from './cases/cancel.ts';
import type { CaseContext } from './cases/context.ts';
import { historyCases } from './cases/history.ts';
import { hostileFolderCases } from './cases/hostile-folder.ts';
import { lifeCases } from './cases/life.ts';
import { providerErrorCases } from './cases/provider-errors.ts';
import { streamingCases } from './cases/streaming.ts';
import { subAgentCases } from './cases/sub-agents.ts';
import type { BootOptions, ConformanceKit, Stand } from './kit.ts';

/**
 * What every harness adapter must do, on the real binary in a real sandbox, with a scripted model.
 * Cases run one after the other; most share one running harness.
 */
export function harnessConformance(name: string, kit: ConformanceKit): void {
  describe(name, () => {
    const context = contextOf(kit);
    describe('streaming', () => streamingCases(context));
    describe('approvals', () => approvalCases(context));
    describe('cancelling', () => cancelCases(context));
    describe('sub-agents', () => subAgentCases(context));
    describe('the application', () => applicationCases(context));
    describe('history', () => historyCases(context));
    describe('provider errors', () => providerErrorCases(context));
    describe('a hostile folder', () => hostileFolderCases(context));
    describe('the life of a conversation', () => lifeCases(context));
  });
}

/** The part of the suite that needs one start: for a second kind of sandbox. */
export function harnessSmoke(name: string, kit: ConformanceKit): void {
  describe(name, () => {
    const context = contextOf(kit);
    streamingCases(context);
    approvalCases(context);
    applicationCases(context);
    historyCases(context);
  });
}

/** To be called inside a `describe`: starts and ends what its cases use. */
function contextOf(kit: ConformanceKit): CaseContext {
  const stands = new Set<Stand>();
  let shared: Promise<Stand> | null = null;
  const context: CaseContext = {
    kit,
    own: async (options: BootOptions) => {
      const stand = await kit.boot(options);
      stands.add(stand);
      return stand;
    },
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
    await Promise.all([...stands].map((stand) => stand.end()));
    await kit.close();
  });
  return context;
}

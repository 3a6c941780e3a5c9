import type { BuildView } from '@karta/protocol';
import type { OrgActor } from '../http/actor.ts';
import type { BuildRouteParts } from './build-routes.ts';
import { buildView } from './build-view.ts';

/** Publishes what was pushed by git, tells each line of its build, and how it ended. */
export async function publishAndWait(
  parts: BuildRouteParts,
  actor: OrgActor,
  ref: string,
  archive: AsyncIterable<Uint8Array>,
  say: (line: string) => void,
): Promise<BuildView> {
  const { database, publishes, buildLog } = parts;
  const begun = await publishes.publish(actor, ref, archive, {
    kind: 'git',
    activate: true,
    preview: false,
  });
  const forever = new AbortController().signal;
  let after = 0;
  for (;;) {
    const change = buildLog.nextChange(begun.id, forever);
    const build = await buildView(database, parts, { orgId: actor.orgId, ref, buildId: begun.id });
    const lines = await buildLog.read(begun.id, after);
    for (const { line, said } of lines) {
      after = line;
      say(said.text);
    }
    if (lines.length > 0) continue;
    if (build.finished_at !== null && !buildLog.isHeld(begun.id)) return build;
    await change;
  }
}

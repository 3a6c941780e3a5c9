import { goneSignal, tooLarge } from '@karta/http';
import { build, buildList, LIMITS, pageQuery, publishQuery } from '@karta/protocol';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { ProjectUrl } from '../projects/project-url.ts';
import type { Database } from '../sql/database.ts';
import { followBuild } from './build-events.ts';
import type { BuildLog } from './build-log.ts';
import { buildView, buildViews } from './build-view.ts';
import type { Publishes } from './publishes.ts';

export interface BuildRouteParts {
  database: Database;
  publishes: Publishes;
  buildLog: BuildLog;
  urlOf: ProjectUrl;
}

const one = { 'application/json': build };

/** Publishing, and how it goes. */
export function buildRoutes(parts: BuildRouteParts): BoundRoute[] {
  const { database, publishes, buildLog } = parts;
  return [
    defineRoute({
      id: 'publish',
      summary: 'Publish a folder, sent as a tar archive, gzipped or not',
      tag: 'releases',
      method: 'post',
      path: '/v1/projects/{ref}/releases',
      access: 'releases.publish',
      bytes: 'application/x-tar',
      query: publishQuery,
      answers: { 202: { description: 'The build, which has begun or waits', content: one } },
      async handle({ caller, param, query, context }) {
        // Whoever says so before is not made to send it all.
        const declared = Number(context.req.header('content-length') ?? 0);
        if (declared > LIMITS.archiveBytes) throw tooLarge(LIMITS.archiveBytes);
        // The answer still has to go out over this socket, so an early end must not destroy it.
        const archive = context.env.incoming.iterator({ destroyOnReturn: false });
        const begun = await publishes.publish(caller, param('ref'), archive, {
          kind: 'upload',
          activate: query.activate === 'true',
          preview: query.preview === 'true',
        });
        return json(202, begun);
      },
    }),
    defineRoute({
      id: 'listBuilds',
      summary: 'Builds, newest first',
      tag: 'releases',
      method: 'get',
      path: '/v1/projects/{ref}/builds',
      access: 'releases.read',
      query: pageQuery,
      answers: { 200: { description: 'Builds', content: { 'application/json': buildList } } },
      async handle({ caller, param, query }) {
        const where = { orgId: caller.orgId, ref: param('ref') };
        const builds = await buildViews(database, parts, where, query);
        const last = builds.length === query.limit ? (builds.at(-1)?.id ?? null) : null;
        return json(200, { builds, next_cursor: last });
      },
    }),
    defineRoute({
      id: 'getBuild',
      summary: 'A build',
      tag: 'releases',
      method: 'get',
      path: '/v1/projects/{ref}/builds/{build_id}',
      access: 'releases.read',
      answers: { 200: { description: 'The build', content: one } },
      handle: async ({ caller, param }) =>
        json(
          200,
          await buildView(database, parts, {
            orgId: caller.orgId,
            ref: param('ref'),
            buildId: param('build_id'),
          }),
        ),
    }),
    defineRoute({
      id: 'followBuild',
      summary: 'What a build says, as it says it, and how it ended (server-sent events)',
      tag: 'releases',
      method: 'get',
      path: '/v1/projects/{ref}/builds/{build_id}/log',
      access: 'releases.read',
      answers: { 200: { description: 'Events "log", then one "build"' } },
      async handle({ caller, param, context }) {
        const where = { orgId: caller.orgId, ref: param('ref'), buildId: param('build_id') };
        // A 404 before the stream begins.
        await buildView(database, parts, where);
        const after = Number(context.req.header('last-event-id') ?? 0);
        return followBuild({
          buildLog,
          build: () => buildView(database, parts, where),
          buildId: where.buildId,
          after: Number.isSafeInteger(after) && after > 0 ? after : 0,
          gone: goneSignal(context.env.outgoing),
        });
      },
    }),
  ];
}

import {
  activateBody,
  activation,
  activationList,
  createPreviewBody,
  diffQuery,
  pageQuery,
  preview,
  previewList,
  release,
  releaseDiff,
  releaseList,
  rollbackBody,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { Releases } from './releases.ts';

const ref = '/v1/projects/{ref}' as const;
const shown = { 'application/json': activation };

/** Releases of a project, and which of them is active. */
export function releaseRoutes(releases: Releases): BoundRoute[] {
  return [
    defineRoute({
      id: 'listReleases',
      summary: 'Releases, newest first',
      tag: 'releases',
      method: 'get',
      path: `${ref}/releases`,
      access: 'releases.read',
      query: pageQuery,
      answers: { 200: { description: 'Releases', content: { 'application/json': releaseList } } },
      async handle({ caller, param, query }) {
        const found = await releases.list(caller.orgId, param('ref'), query);
        const last = found.length === query.limit ? (found.at(-1)?.version ?? null) : null;
        return json(200, { releases: found, next_cursor: last });
      },
    }),
    defineRoute({
      id: 'getRelease',
      summary: 'A release',
      tag: 'releases',
      method: 'get',
      path: `${ref}/releases/{version}`,
      access: 'releases.read',
      answers: { 200: { description: 'The release', content: { 'application/json': release } } },
      handle: async ({ caller, param }) =>
        json(200, await releases.get(caller.orgId, param('ref'), param('version'))),
    }),
    defineRoute({
      id: 'diffReleases',
      summary: 'What differs from an earlier release',
      tag: 'releases',
      method: 'get',
      path: `${ref}/releases/{version}/diff`,
      access: 'releases.read',
      query: diffQuery,
      answers: {
        200: { description: 'Differences', content: { 'application/json': releaseDiff } },
      },
      handle: async ({ caller, param, query }) =>
        json(200, await releases.diff(caller.orgId, param('ref'), param('version'), query.against)),
    }),
    defineRoute({
      id: 'revokeRelease',
      summary: 'Revoke a release: its sessions end, nothing starts on it any more',
      tag: 'releases',
      method: 'post',
      path: `${ref}/releases/{version}/revoke`,
      access: 'releases.revoke',
      answers: { 200: { description: 'The release', content: { 'application/json': release } } },
      handle: async ({ caller, param }) =>
        json(200, await releases.revoke(caller, param('ref'), param('version'))),
    }),
    defineRoute({
      id: 'listActivations',
      summary: 'Which release was active when, newest first',
      tag: 'releases',
      method: 'get',
      path: `${ref}/activations`,
      access: 'releases.read',
      query: pageQuery,
      answers: {
        200: { description: 'Activations', content: { 'application/json': activationList } },
      },
      async handle({ caller, param, query }) {
        const found = await releases.activations(caller.orgId, param('ref'), query);
        const last = found.length === query.limit ? (found.at(-1)?.id ?? null) : null;
        return json(200, { activations: found, next_cursor: last });
      },
    }),
    defineRoute({
      id: 'activateRelease',
      summary: 'Make a release the one that new sessions run on',
      tag: 'releases',
      method: 'post',
      path: `${ref}/activations`,
      access: 'releases.activate',
      body: activateBody,
      answers: { 200: { description: 'The newest activation', content: shown } },
      handle: async ({ caller, param, body }) =>
        json(200, await releases.activate(caller, param('ref'), body.version)),
    }),
    defineRoute({
      id: 'rollback',
      summary: 'Go back to the release that was active before, or to a version',
      tag: 'releases',
      method: 'post',
      path: `${ref}/rollback`,
      access: 'releases.activate',
      body: rollbackBody,
      answers: { 200: { description: 'The newest activation', content: shown } },
      handle: async ({ caller, param, body }) =>
        json(200, await releases.rollback(caller, param('ref'), body.to)),
    }),
    defineRoute({
      id: 'listPreviews',
      summary: 'Previews that can be reached, newest first',
      tag: 'releases',
      method: 'get',
      path: `${ref}/previews`,
      access: 'releases.read',
      answers: { 200: { description: 'Previews', content: { 'application/json': previewList } } },
      handle: async ({ caller, param }) =>
        json(200, {
          previews: await releases.previews(caller.orgId, param('ref')),
          next_cursor: null,
        }),
    }),
    defineRoute({
      id: 'createPreview',
      summary: 'Give a release a URL of its own for seven days',
      tag: 'releases',
      method: 'post',
      path: `${ref}/previews`,
      access: 'releases.publish',
      body: createPreviewBody,
      answers: { 201: { description: 'The preview', content: { 'application/json': preview } } },
      handle: async ({ caller, param, body }) =>
        json(201, await releases.preview(caller, param('ref'), body.version)),
    }),
  ];
}

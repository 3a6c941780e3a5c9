import { createProjectBody, patchProjectBody, project, projectList } from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import type { Projects } from './projects.ts';

const one = { 'application/json': project };

/** The projects of an org. */
export function projectRoutes(projects: Projects): BoundRoute[] {
  return [
    defineRoute({
      id: 'listProjects',
      summary: 'Projects, by ref',
      tag: 'projects',
      method: 'get',
      path: '/v1/projects',
      access: 'projects.read',
      answers: { 200: { description: 'Projects', content: { 'application/json': projectList } } },
      handle: async ({ caller }) =>
        json(200, { projects: await projects.list(caller.orgId), next_cursor: null }),
    }),
    defineRoute({
      id: 'createProject',
      summary: 'Create a project; a first publish does it too',
      tag: 'projects',
      method: 'post',
      path: '/v1/projects',
      access: 'projects.manage',
      body: createProjectBody,
      answers: { 201: { description: 'The project', content: one } },
      handle: async ({ caller, body }) => json(201, await projects.create(caller, body)),
    }),
    defineRoute({
      id: 'getProject',
      summary: 'A project',
      tag: 'projects',
      method: 'get',
      path: '/v1/projects/{ref}',
      access: 'projects.read',
      answers: { 200: { description: 'The project', content: one } },
      handle: async ({ caller, param }) =>
        json(200, await projects.get(caller.orgId, param('ref'))),
    }),
    defineRoute({
      id: 'updateProject',
      summary: 'Change who may call it from a browser, or make it the default',
      tag: 'projects',
      method: 'patch',
      path: '/v1/projects/{ref}',
      access: 'projects.manage',
      body: patchProjectBody,
      answers: { 200: { description: 'The project', content: one } },
      handle: async ({ caller, param, body }) =>
        json(200, await projects.change(caller, param('ref'), body)),
    }),
    defineRoute({
      id: 'deleteProject',
      summary: 'Delete a project: its sessions end',
      tag: 'projects',
      method: 'delete',
      path: '/v1/projects/{ref}',
      access: 'projects.manage',
      answers: { 204: { description: 'Deleted' } },
      async handle({ caller, param }) {
        await projects.remove(caller, param('ref'));
        return noContent();
      },
    }),
  ];
}

import { problemResponse } from '@karta/http';
import { KartaError } from '@karta/protocol';
import { z } from 'zod';
import type { OrgActor } from '../http/actor.ts';
import { type Authenticator, type BoundRoute, defineRoute } from '../http/route.ts';
import { type GitRepo, openGitRepo } from './git-repo.ts';
import { askBackend } from './http-backend.ts';
import { type PushParts, receivePush } from './receive-push.ts';

const SERVICE = 'git-receive-pack';
const root = '/v1/projects/{ref}/git' as const;

export interface GitRouteParts {
  /** Publishes an archive to a project and waits for its end; `say` hears the build's log. */
  publish(
    actor: OrgActor,
    ref: string,
    ...rest: Parameters<PushParts['publish']>
  ): ReturnType<PushParts['publish']>;
}

/**
 * `git push` by smart HTTP: the password is an API key, or a person's login with their org as name;
 * what is pushed to `main` is published.
 * Each push has an empty repository of its own, which is gone afterwards: the history is the
 * builder's, not ours to keep.
 */
export function gitRoutes(parts: GitRouteParts): BoundRoute[] {
  return [
    defineRoute({
      id: 'gitRefs',
      summary: 'What git asks before a push',
      tag: 'git',
      method: 'get',
      path: `${root}/info/refs`,
      access: 'releases.publish',
      query: z.object({ service: z.string().optional() }),
      answers: { 200: { description: "Git's own" } },
      async handle({ context, query }) {
        if (query.service !== SERVICE) {
          throw new KartaError('forbidden', 'Only git push works here; nothing can be fetched.');
        }
        const repo = await openGitRepo();
        return answerOf(repo, await askBackend(repo, context.env.incoming, '/info/refs'));
      },
    }),
    defineRoute({
      id: 'gitPush',
      summary: 'Publish by git push',
      tag: 'git',
      method: 'post',
      path: `${root}/${SERVICE}`,
      access: 'releases.publish',
      bytes: `application/x-${SERVICE}-request`,
      answers: { 200: { description: "Git's own" } },
      async handle({ caller, param, context }) {
        const repo = await openGitRepo();
        const answer = await askBackend(repo, context.env.incoming, `/${SERVICE}`);
        if (answer.status !== 200) return answerOf(repo, answer);
        const body = receivePush({
          repo,
          answer: answer.body,
          publish: (archive, say) => parts.publish(caller, param('ref'), archive, say),
        });
        return answerOf(repo, { ...answer, body });
      },
    }),
  ].map(byBasicAuth);
}

/** Streams an answer; the repository goes when it has ended or the client has gone. */
function answerOf(
  repo: GitRepo,
  answer: { status: number; contentType: string; body: AsyncGenerator<Buffer> },
): Response {
  const { body } = answer;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await body.next();
        if (done !== true) {
          controller.enqueue(value);
          return;
        }
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      await repo.remove();
    },
    async cancel() {
      await body.return(undefined);
      await repo.remove();
    },
  });
  return new Response(stream, {
    status: answer.status,
    headers: { 'content-type': answer.contentType, 'cache-control': 'no-cache' },
  });
}

/** Git sends a name and a password, and only after it was asked to. */
function byBasicAuth(route: BoundRoute): BoundRoute {
  return {
    ...route,
    async serve(context, authenticator) {
      try {
        return await route.serve(context, withPasswords(authenticator));
      } catch (error) {
        if (!KartaError.is(error) || error.code !== 'unauthenticated') throw error;
        const answer = problemResponse(error, context.get('requestId'));
        answer.headers.set('www-authenticate', 'Basic realm="Karta: the password is an API key"');
        return answer;
      }
    },
  };
}

function withPasswords(authenticator: Authenticator): Authenticator {
  return {
    actorOf: (headers) =>
      authenticator.actorOf({
        get(name) {
          const value = headers.get(name);
          const pair = basicPair(headers.get('authorization'));
          if (pair === null) return value;
          if (name === 'authorization') return `Bearer ${pair.password}`;
          // Of people in several orgs: git can send no header of ours. A key belongs to one.
          if (name === 'karta-org') return value ?? pair.name;
          return value;
        },
      }),
  };
}

/** The name of who names no org; git wants one. No slug is like it. */
const NO_ORG = '_';

/** The name and the password that git sends, or `null`. */
function basicPair(header: string | null): { name: string | null; password: string } | null {
  const basic = /^basic +(\S+) *$/i.exec(header ?? '')?.[1];
  if (basic === undefined) return null;
  const pair = Buffer.from(basic, 'base64').toString('utf8');
  const at = pair.indexOf(':');
  const name = pair.slice(0, Math.max(0, at));
  return { name: name === NO_ORG || name === '' ? null : name, password: pair.slice(at + 1) };
}

import { problemResponse } from '@karta/http';
import { KartaError } from '@karta/protocol';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { OrgActor } from '../http/actor.ts';
import { type Authenticator, type BoundRoute, defineRoute } from '../http/route.ts';
import type { BackendAnswer, OpenPushRepo, PushRepo } from './push-repo.ts';
import { type PushParts, receivePush } from './receive-push.ts';

const SERVICE = 'git-receive-pack';
const root = '/v1/projects/{ref}/git' as const;
/** Pushes of one org at once: each holds processes and a repository. */
const MAX_PUSHES = 4;
/** When to try again a push that was one too many, in seconds. */
const RETRY_AFTER = 10;

export interface GitRouteParts {
  openRepo: OpenPushRepo;
  log: Pick<Logger, 'warn'>;
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
  const openRepo = fewAtOnce(parts.openRepo);

  /** A repository for `caller`; gone when what is done in it fails before there is an answer. */
  async function inRepo(
    caller: OrgActor,
    answer: (repo: PushRepo) => Promise<BackendAnswer>,
  ): Promise<Response> {
    const repo = await openRepo(caller.orgId);
    try {
      return answerOf(repo, await answer(repo));
    } catch (error) {
      await repo.remove();
      throw error;
    }
  }

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
      async handle({ caller, context, query }) {
        if (query.service !== SERVICE) {
          throw new KartaError('forbidden', 'Only git push works here; nothing can be fetched.');
        }
        const path = `/info/refs?service=${SERVICE}`;
        return inRepo(caller, (repo) => repo.ask(context.env.incoming, path));
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
        return inRepo(caller, async (repo) => {
          const answer = await repo.ask(context.env.incoming, `/${SERVICE}`);
          if (answer.status !== 200) return answer;
          const body = receivePush({
            repo,
            answer: answer.body,
            publish: (archive, say) => parts.publish(caller, param('ref'), archive, say),
            failed: (error) => parts.log.warn({ err: error }, 'git ended during a push'),
          });
          return { ...answer, body };
        });
      },
    }),
  ].map(byBasicAuth);
}

/** Repositories by org, so that none takes all the processes that there are. */
function fewAtOnce(openRepo: OpenPushRepo): (orgId: string) => Promise<PushRepo> {
  const held = new Map<string, number>();
  const hold = (orgId: string, change: number) => {
    const count = (held.get(orgId) ?? 0) + change;
    if (count === 0) held.delete(orgId);
    else held.set(orgId, count);
  };
  return async (orgId) => {
    if ((held.get(orgId) ?? 0) >= MAX_PUSHES) {
      throw new KartaError('rate_limited', `${MAX_PUSHES} pushes of this org run already.`, {
        retryAfter: RETRY_AFTER,
      });
    }
    hold(orgId, 1);
    let free = () => {
      free = () => {};
      hold(orgId, -1);
    };
    try {
      const repo = await openRepo();
      return {
        ...repo,
        async remove() {
          await repo.remove();
          free();
        },
      };
    } catch (error) {
      free();
      throw error;
    }
  };
}

/** Streams an answer; the repository goes when it has ended or the client has gone. */
function answerOf(repo: PushRepo, answer: BackendAnswer): Response {
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
    headers: { 'content-type': shownType(answer.contentType), 'cache-control': 'no-cache' },
  });
}

/** What browsers render is served beside this, so git does not choose to be rendered. */
function shownType(type: string): string {
  const own = /^application\/x-git-receive-pack-(advertisement|result)$/.test(type);
  return own ? type : 'text/plain; charset=utf-8';
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

import type { RateLimitScope } from '@karta/protocol';

/** Whom a request, a turn or a model call is counted on: each limit on one of these covers it. */
export interface RateSubject {
  org_id: string;
  /** `null`: not known, or counted elsewhere. */
  project_id: string | null;
  /** The API key that was used, or that minted the token that was used. */
  api_key_id: string | null;
  /** The embed key that minted the token. */
  embed_key_id: string | null;
  end_user: string | null;
}

/** One object of an org that is counted. */
export interface RateObject {
  org: string;
  scope: RateLimitScope;
  id: string;
}

/** The objects of a subject. */
export function objectsOf(subject: RateSubject): RateObject[] {
  const { org_id: org, project_id, api_key_id, embed_key_id, end_user } = subject;
  const objects: RateObject[] = [{ org, scope: 'org', id: org }];
  if (project_id !== null) objects.push({ org, scope: 'project', id: project_id });
  if (api_key_id !== null) objects.push({ org, scope: 'api_key', id: api_key_id });
  if (embed_key_id !== null) objects.push({ org, scope: 'embed_key', id: embed_key_id });
  if (end_user !== null) objects.push({ org, scope: 'end_user', id: end_user });
  return objects;
}

/** One string for each object: neither an org's id nor a scope has a space, an end user's may. */
export function nameOf({ org, scope, id }: RateObject): string {
  return `${org} ${scope} ${id}`;
}

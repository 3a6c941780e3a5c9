import type { IncomingMessage } from 'node:http';
import { asKartaError, loggable, tooLarge } from '@karta/http';
import { KartaError, problemOf } from '@karta/protocol';
import type { Logger } from 'pino';
import type { Mount } from '../http/app.ts';
import { pageAnswer } from './frame.ts';
import { html } from './html.ts';

/** What the forms of these pages hold: never more, in bytes. */
const MAX_FORM_BYTES = 16 * 1024;

/** A browser that asks for a page, or has sent its form. */
export interface Visit {
  request: Request;
  incoming: IncomingMessage;
  url: URL;
  /** A field of the form; the empty text when there is none. */
  field(name: string): string;
}

/** One page: what it shows, and what sending its form does. */
export interface PageHandler {
  /** Where it is, from the root. */
  path: string;
  get?(visit: Visit): Promise<Response> | Response;
  post?(visit: Visit): Promise<Response>;
}

export interface PageSite {
  pages: readonly PageHandler[];
  /** Of the pages: a form from elsewhere is refused. */
  origin(): string;
  log: Logger;
}

/** Pages as parts of a surface, one mount for each first segment of their paths. */
export function pageMounts(site: PageSite): Mount[] {
  const prefixes = new Set(site.pages.map(({ path }) => `/${path.split('/')[1]}`));
  return [...prefixes].map((prefix) => ({
    prefix,
    fetch: (request, incoming) => served(site, request, incoming),
  }));
}

async function served(
  site: PageSite,
  request: Request,
  incoming: IncomingMessage,
): Promise<Response> {
  const url = new URL(request.url);
  try {
    const page = site.pages.find(({ path }) => path === url.pathname);
    const handler = request.method === 'POST' ? page?.post : page?.get;
    if (handler === undefined || !/^(GET|HEAD|POST)$/.test(request.method)) {
      throw new KartaError('not_found', 'There is no such page.');
    }
    const form = request.method === 'POST' ? await formOf(site, request) : new URLSearchParams();
    return await handler({
      request,
      incoming,
      url,
      field(name) {
        const value = form.get(name) ?? '';
        // A password is what was typed, to the last space.
        return name === 'password' ? value : value.trim();
      },
    });
  } catch (error) {
    const known = asKartaError(error);
    if (known.code === 'internal') site.log.error(loggable(error), 'a page failed');
    return failurePage(known);
  }
}

async function formOf(site: PageSite, request: Request): Promise<URLSearchParams> {
  // Browsers name the origin of every form; whoever has none is no page, and has no cookie to lose.
  const origin = request.headers.get('origin');
  if (origin !== site.origin()) {
    throw new KartaError(
      'forbidden',
      `This form was not sent from ${site.origin()}. Open the page there and send it again.`,
    );
  }
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(type)) {
    throw new KartaError('unsupported_media_type');
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_FORM_BYTES) throw tooLarge(MAX_FORM_BYTES);
    chunks.push(chunk);
  }
  const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
  for (const value of form.values()) {
    // PostgreSQL refuses it.
    if (value.includes('\0')) throw new KartaError('validation_failed', 'A field contains NUL.');
  }
  return form;
}

function failurePage(error: KartaError): Response {
  const { status, title, suggestion } = problemOf(error);
  const wait = error.retryAfter;
  return pageAnswer({
    title,
    status,
    body: html`<p role="alert">${error.message}</p><p>${suggestion}</p>`,
    ...(wait === undefined ? {} : { headers: { 'retry-after': String(Math.ceil(wait)) } }),
  });
}

/**
 * What `work` answers; when it is refused, what `again` shows with the reason: the form once more,
 * so that nobody has to begin anew. What broke inside goes on to the caller.
 */
export async function orAgain(
  work: () => Promise<Response>,
  again: (problem: string, status: number) => Response,
): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    const known = asKartaError(error);
    const { status } = problemOf(known);
    if (status >= 500 || known.code === 'rate_limited') throw error;
    return again(known.message, status);
  }
}

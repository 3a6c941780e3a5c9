import type { BuildView } from '@karta/protocol';
import type { TwoPlanes } from './two-planes.ts';

/** An answer, of which each test looks at some. */
export type Answer = Record<string, unknown>;

/** Somebody who publishes and talks to what was published, by the first org's key. */
export interface Builder {
  /** Publishes an archive and waits for its build. */
  publish(ref: string, archive: Uint8Array<ArrayBuffer>, query?: string): Promise<BuildView>;
  /** Uploads an archive; the build has begun. */
  upload(ref: string, archive: BodyInit, query?: string): Promise<Response>;
  /** Waits for a build. */
  built(ref: string, buildId: string): Promise<{ build: BuildView; lines: string[] }>;
  /** The JSON of a good answer; throws with a problem that was answered. */
  control(path: string, method?: string, body?: unknown): Promise<Answer>;
  /** A project's URL, as the control plane tells it; it is the data plane's. */
  urlOf(ref: string): Promise<string>;
  data(path: string, method?: string, body?: unknown): Promise<Answer>;
  /** Any answer. */
  ask(url: string, method?: string, body?: unknown): Promise<Response>;
}

export function builderOn(planes: TwoPlanes): Builder {
  const authorization = `Bearer ${planes.apiKey}`;

  function ask(url: string, method = 'GET', body?: unknown): Promise<Response> {
    if (body === undefined) return fetch(url, { method, headers: { authorization } });
    return fetch(url, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  async function json(url: string, method?: string, body?: unknown): Promise<Answer> {
    const response = await ask(url, method, body);
    const value = (await response.json()) as Answer;
    if (!response.ok) throw new Error(JSON.stringify(value));
    return value;
  }

  const builder: Builder = {
    ask,
    control: (path, method, body) => json(`${planes.control.url}${path}`, method, body),
    data: (path, method, body) => json(`${planes.data.url}${path}`, method, body),
    async urlOf(ref) {
      const url = String((await builder.control(`/v1/projects/${ref}`)).url);
      const { port } = new URL(planes.data.url);
      if (!url.endsWith(`:${port}/v1/projects/${ref}`)) throw new Error(`another URL: ${url}`);
      return url;
    },
    upload: (ref, archive, query = '') =>
      fetch(`${planes.control.url}/v1/projects/${ref}/releases${query}`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/x-tar' },
        body: archive,
        // A stream is sent while the answer may already come.
        ...(archive instanceof ReadableStream ? { duplex: 'half' } : {}),
      }),
    async built(ref, buildId) {
      const log = await ask(`${planes.control.url}/v1/projects/${ref}/builds/${buildId}/log`);
      const text = await log.text();
      const end = /event: build\ndata: (.*)\n/.exec(text)?.[1];
      if (end === undefined) throw new Error(`the log has no end: ${text}`);
      const lines = [...text.matchAll(/event: log\ndata: (.*)\n/g)].map(
        ([, data = '']) => (JSON.parse(data) as { text: string }).text,
      );
      return { build: JSON.parse(end) as BuildView, lines };
    },
    async publish(ref, archive, query) {
      const response = await builder.upload(ref, archive, query);
      const begun = (await response.json()) as BuildView;
      if (response.status !== 202) throw new Error(JSON.stringify(begun));
      return (await builder.built(ref, begun.id)).build;
    },
  };
  return builder;
}

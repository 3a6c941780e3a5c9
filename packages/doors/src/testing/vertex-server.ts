import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { importSPKI, jwtVerify } from 'jose';
import { demoUpstream } from '../upstreams/demo.ts';
import type { TestServiceAccount } from './google-account.ts';

/** A request that came, read. */
export interface VertexCall {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** Vertex and Google's sign-in for tests, on a TCP port of loopback, with the demo model behind it. */
export interface VertexServer {
  /** With its `/v1`. */
  baseUrl: string;
  tokenUrl: string;
  /** Calls of models, oldest first. */
  requests: VertexCall[];
  /** Accounts that signed in, oldest first. */
  signIns: string[];
  /** Seconds that the tokens given from now on live. */
  tokenLifeS: number;
  /** Takes back every token given so far. */
  revoke(): void;
  /** Answers of the sign-in are held until this resolves. */
  signInHeld: Promise<void>;
  close(): Promise<void>;
}

/** Of what Google tells at the end of a stream. */
export const VERTEX_EVENT =
  'event: vertex_event\ndata: {"type":"vertex_event","usage":{"input_tokens":4711,"output_tokens":1174}}\n\n';

/** Knows these accounts. `before` answers by itself and returns true; sign-ins come to it too. */
export async function serveVertex(
  accounts: readonly TestServiceAccount[],
  before: (call: VertexCall, response: ServerResponse) => boolean = () => false,
): Promise<VertexServer> {
  const demo = demoUpstream();
  const given = new Map<string, TestServiceAccount>();
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const call = { method, url, headers, body: await text(request) };
    if (url === '/token') await vertex.signInHeld;
    if (url !== '/token') vertex.requests.push(call);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      if (before(call, response)) return;
      if (url === '/token') return await signIn(call, response);
      await predict(call, response, gone.signal);
    } catch {
      response.destroy();
    }
  });

  async function signIn(call: VertexCall, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(call.body);
    const { account, problem } = await assertedBy(form.get('assertion') ?? '');
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer' || !account) {
      return send(response, 400, { error: 'invalid_grant', error_description: problem });
    }
    vertex.signIns.push(account.email);
    const token = `ya29.${randomBytes(32).toString('base64url')}`;
    given.set(token, account);
    const answer = { access_token: token, expires_in: vertex.tokenLifeS, token_type: 'Bearer' };
    send(response, 200, answer);
  }

  async function assertedBy(assertion: string) {
    let problem = 'Invalid JWT';
    for (const account of accounts) {
      try {
        const { payload } = await jwtVerify(
          assertion,
          await importSPKI(account.publicKey, 'RS256'),
          {
            issuer: account.email,
            audience: vertex.tokenUrl,
            maxTokenAge: 60,
          },
        );
        const scoped = payload.scope === 'https://www.googleapis.com/auth/cloud-platform';
        if (scoped && payload.exp !== undefined) return { account, problem };
      } catch (error) {
        problem = (error as Error).message;
      }
    }
    return { account: null, problem };
  }

  async function predict(call: VertexCall, response: ServerResponse, signal: AbortSignal) {
    const token = call.headers.authorization?.replace('Bearer ', '') ?? '';
    const account = given.get(token);
    if (account === undefined) {
      return google(response, 401, 'UNAUTHENTICATED', `Request had an invalid token ${token}.`);
    }
    const path =
      /^\/v1\/projects\/([^/]+)\/locations\/([^/]+)\/publishers\/anthropic\/models\/([^/:]+):(\w+)$/;
    const [, project, , model, action] = path.exec(call.url) ?? [];
    if (project !== account.projectId) {
      const message = `Permission 'aiplatform.endpoints.predict' denied on projects/${project}`;
      return google(response, 403, 'PERMISSION_DENIED', message);
    }
    const counts = model === 'count-tokens';
    const body = JSON.parse(call.body);
    if (body.anthropic_version !== 'vertex-2023-10-16' || counts !== 'model' in body) {
      return google(response, 400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.');
    }
    const { anthropic_version: _, ...rest } = body;
    const name = counts ? ('count_tokens' as const) : ('messages' as const);
    const route = { family: 'anthropic' as const, name, path: '', query: '', billed: !counts };
    const asked = Buffer.from(JSON.stringify({ model, ...rest }));
    const said = { route, headers: {}, body: asked, channelId: 'vertex' };
    const reply = await demo.send(said, null, signal);
    response.writeHead(reply.status, reply.headers);
    for await (const chunk of reply.body) response.write(chunk);
    response.end(action === 'streamRawPredict' && reply.status === 200 ? VERTEX_EVENT : undefined);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const vertex: VertexServer = {
    baseUrl: `${origin}/v1`,
    tokenUrl: `${origin}/token`,
    requests: [],
    signIns: [],
    tokenLifeS: 3_599,
    revoke: () => given.clear(),
    signInHeld: Promise.resolve(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return vertex;
}

/** A refusal as Google writes it. */
export function google(
  response: ServerResponse,
  code: number,
  status: string,
  message: string,
): void {
  send(response, code, { error: { code, message, status } });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

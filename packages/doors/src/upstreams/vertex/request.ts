import { withMembers } from '../../wire/with-members.ts';
import { cloudRequest } from '../cloud-request.ts';
import type { ModelCall } from '../port.ts';
import { VERTEX_BETAS } from './betas.ts';
import { vertexModel } from './model-name.ts';

const VERSION = 'vertex-2023-10-16';

/** A call as Vertex takes it. */
export interface VertexRequest {
  /** What the address names, as `claude-sonnet-4-5@20250929:streamRawPredict`. */
  action: string;
  stream: boolean;
  headers: Record<string, string>;
  body: Buffer;
}

export function vertexRequest(
  call: Pick<ModelCall, 'body' | 'headers'>,
  counts: boolean,
): VertexRequest | { problem: string } | { noModel: string } {
  const request = cloudRequest(call, VERTEX_BETAS);
  if ('problem' in request) return request;
  const model = vertexModel(request.model);
  if (model === null) return { noModel: request.model };
  const { betas } = request;
  const stream = request.stream && !counts;
  const said = counts ? { model } : stream ? { stream } : {};
  const agent = call.headers['user-agent'];
  return {
    action: counts
      ? 'count-tokens:rawPredict'
      : `${model}:${stream ? 'streamRawPredict' : 'rawPredict'}`,
    stream,
    headers: {
      'content-type': 'application/json',
      ...(betas.length > 0 && { 'anthropic-beta': betas.join(',') }),
      ...(agent !== undefined && { 'user-agent': agent }),
    },
    body: withMembers(request.body, { anthropic_version: VERSION, ...said }),
  };
}

import { topLevelMembers } from '../../wire/top-level.ts';
import { withMembers } from '../../wire/with-members.ts';
import { cloudRequest } from '../cloud-request.ts';
import type { ModelCall } from '../port.ts';
import { BEDROCK_BETAS } from './betas.ts';
import { bedrockModel } from './model-name.ts';

const VERSION = 'bedrock-2023-05-31';
/** What Bedrock wants in a body whose tokens are to be counted; it changes nothing of the count. */
const COUNTED_MAX_TOKENS = 1;

/** A call as Bedrock takes it. */
export interface BedrockRequest {
  /** As Bedrock names it. */
  model: string;
  stream: boolean;
  body: Buffer;
}

export function bedrockRequest(
  call: Pick<ModelCall, 'body' | 'headers'>,
  region: string,
): BedrockRequest | { problem: string } | { noModel: string } {
  const request = cloudRequest(call, BEDROCK_BETAS);
  if ('problem' in request) return request;
  const model = bedrockModel(request.model, region);
  if (model === null) return { noModel: request.model };
  const { stream, betas } = request;
  const said = { anthropic_version: VERSION, ...(betas.length > 0 && { anthropic_beta: betas }) };
  return { model, stream, body: withMembers(request.body, said) };
}

/** The body of a question for a count of tokens. */
export function countBody({ body }: BedrockRequest): Buffer {
  const limited = topLevelMembers(body).some(({ name }) => name === 'max_tokens');
  const counted = limited ? body : withMembers(body, { max_tokens: COUNTED_MAX_TOKENS });
  const input = { invokeModel: { body: counted.toString('base64') } };
  return Buffer.from(JSON.stringify({ input }));
}

import { z } from 'zod';
import { parsedJson } from '../../wire/parsed-json.ts';
import { topLevelMembers } from '../../wire/top-level.ts';
import { withMembers } from '../../wire/with-members.ts';
import { cloudRequest } from '../cloud-request.ts';
import type { ModelCall } from '../port.ts';
import { BEDROCK_BETAS } from './betas.ts';
import { bedrockModel } from './model-name.ts';

const VERSION = 'bedrock-2023-05-31';

const thinkingBudget = z.object({ budget_tokens: z.int().nonnegative().optional() });

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
  const members = topLevelMembers(body);
  const limited = members.some(({ name }) => name === 'max_tokens');
  // It wants one, above the thinking that is allowed; it changes nothing of the count.
  const thinking = members.findLast(({ name }) => name === 'thinking');
  const allowed = thinking && parsedJson(body.toString('utf8', thinking.start, thinking.end));
  const { budget_tokens: budget = 0 } = thinkingBudget.catch({}).parse(allowed);
  const counted = limited ? body : withMembers(body, { max_tokens: budget + 1 });
  const input = { invokeModel: { body: counted.toString('base64') } };
  return Buffer.from(JSON.stringify({ input }));
}

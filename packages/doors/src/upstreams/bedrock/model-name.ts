import { claudeName } from '../claude-names.ts';

/** `anthropic.claude-…` of a region, or of an inference profile such as `us.` or `global.`. */
const BEDROCK_NAME = /^([a-z]{2,6}(-gov)?\.)?anthropic\.claude-[a-z0-9-]+(:\d{1,3})?$/;
/** An inference profile or throughput of an account's own. */
const BEDROCK_ARN = /^arn:aws(-us-gov)?:bedrock:[a-z0-9-]+:\d{12}:[a-z-]+\/[\w.:-]+$/;
/** Formed as older models are, though it has no date. */
const VERSIONED: ReadonlySet<string> = new Set(['claude-opus-4-6']);

/**
 * How Bedrock names a Claude model in a region; `null` for what is none. Names in Bedrock's own form
 * stay as they are. Others become the inference profile of the region's part of the world, where one
 * is sure to be: Bedrock serves no newer model without one. Elsewhere it is the global profile.
 */
export function bedrockModel(model: string, region: string): string | null {
  if (BEDROCK_NAME.test(model) || BEDROCK_ARN.test(model)) return model;
  const claude = claudeName(model);
  if (claude === null) return null;
  const { name, date } = claude;
  const version = date === null ? (VERSIONED.has(name) ? '-v1' : '') : `-${date}-v1:0`;
  return `${profileOf(region)}anthropic.${name}${version}`;
}

/** The model itself, without the inference profile. */
export function withoutProfile(bedrockName: string): string {
  return bedrockName.replace(/^[a-z-]+\.(?=anthropic\.)/, '');
}

function profileOf(region: string): string {
  const part = ['us-gov', 'us', 'eu'].find((name) => region.startsWith(`${name}-`));
  return `${part ?? 'global'}.`;
}

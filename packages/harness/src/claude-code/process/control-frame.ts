import { z } from 'zod';

const id = z.string().min(1).max(256);

const ask = z.looseObject({
  subtype: z.literal('can_use_tool'),
  tool_name: z.string().max(1024),
  input: z.record(z.string(), z.unknown()),
  tool_use_id: id,
});
/** Other requests of the process: none that the SDK answers with more than a refusal. */
const other = z.looseObject({ subtype: z.string().refine((value) => value !== 'can_use_tool') });

/** The frames that the SDK reads, as far as it relies on their form. */
export const controlFrame = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('control_request'),
    request_id: id,
    request: z.union([ask, other]),
  }),
  z.looseObject({ type: z.literal('control_cancel_request'), request_id: id }),
  z.looseObject({
    type: z.literal('control_response'),
    response: z.discriminatedUnion('subtype', [
      z.looseObject({ subtype: z.literal('success'), request_id: id }),
      z.looseObject({ subtype: z.literal('error'), request_id: id, error: z.string() }),
    ]),
  }),
]);

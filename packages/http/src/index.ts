export {
  addressList,
  clientAddress,
  type TrustedProxies,
  trustedProxies,
} from './client-address.ts';
export { goneSignal, onceClosed } from './client-gone.ts';
export { credentialOf } from './credential.ts';
export { decodeCursor, encodeCursor, type Position } from './cursor.ts';
export type { RequestEnv } from './env.ts';
export {
  type Begun,
  type IdempotencyScope,
  type IdempotencyStore,
  idempotencyKeyOf,
  type OnceOnly,
  onceOnly,
} from './idempotency.ts';
export { type JsonBody, readBytes, readJsonBody, tooLarge } from './json-body.ts';
export { type JsonSchema, SchemaWriter } from './json-schema.ts';
export { openAnswers } from './open-answers.ts';
export {
  type AnswerSpec,
  type DocumentInfo,
  isBodyRequired,
  type Operation,
  openApiDocument,
} from './openapi.ts';
export { honoPath } from './path.ts';
export { asKartaError, loggable, problemResponse } from './problem.ts';
export { requestId, requestIdOf } from './request-id.ts';
export { close, type HttpServer, listen, listenHttp, type ServedApp } from './server.ts';
export { nearestName } from './suggest.ts';
export { patternOf, type ServedPath, unmatched } from './unmatched.ts';
export { badParameter, validBody, validQuery } from './validate.ts';

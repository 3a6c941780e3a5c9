export type {
  CreateSessionBody,
  Decision,
  EventType,
  FoldedTurn,
  HistoryMessage,
  KartaEvent,
  MessageAnswer,
  Metadata,
  PatchSessionBody,
  PendingInput,
  Session,
  Usage,
} from '@karta/protocol';
export { foldEvents } from '@karta/protocol';
export type { Backoff } from './backoff.ts';
export {
  ApiError,
  AuthenticationError,
  BudgetError,
  ConflictError,
  ConnectionError,
  GoneError,
  InvalidRequestError,
  KartaSdkError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ServerError,
  UnexpectedAnswerError,
} from './errors.ts';
export type { FileContent, SessionFile, SessionFiles } from './files.ts';
export { Karta, type KartaOptions } from './karta.ts';
export type { Page, PagedList } from './page.ts';
export type { ResolvedInput, SendOptions, SessionHandle } from './session-handle.ts';
export type { ListOptions, OpenedSession, Sessions } from './sessions.ts';
export type { TurnStream } from './turn-stream.ts';

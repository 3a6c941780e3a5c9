export {
  isApiKey,
  keyDigest,
  keyPrefix,
  mintApiKey,
  randomBase62,
  sameDigest,
} from './api-key.ts';
export { writeFileAtomically } from './atomic-file.ts';
export {
  type Credentials,
  credentials,
  credentialsPath,
  readCredentials,
  writeCredentials,
} from './credentials-file.ts';
export { readJsonFile } from './json-file.ts';
export { operatorLinkPath } from './operator-link.ts';
export { loadPepper } from './pepper.ts';

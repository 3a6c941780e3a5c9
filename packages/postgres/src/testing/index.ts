export { makeOwnDatabase, type OwnDatabase } from './own-database.ts';
export { SHARED_SERVER, type SharedServer, shareTestServer } from './shared-server.ts';

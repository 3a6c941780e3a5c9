export { type TestAuthority, testAuthority } from './certificates.ts';
export { type ManagementClient, managementClient } from './management-client.ts';
export { type StartedDoors, startDoors } from './start-doors.ts';

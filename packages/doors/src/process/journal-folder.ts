export { ownFolder as journalFolder } from '@karta/service/own-user';

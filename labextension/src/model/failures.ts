// The failures of `client/` that a person can be told of, for those who must not know `client/`.
export { ApiError } from '../client/rest';
export { RequestFailed } from '../client/socket';

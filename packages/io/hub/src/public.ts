export type { Progress } from './download.js'
export {
  AccessError,
  CacheError,
  ChecksumError,
  HttpError,
  HubError,
  InconsistentError,
  NetworkError,
  NotFoundError,
  OfflineError,
  RefError,
} from './errors.js'
export type { FileOptions, Hub, HubOptions } from './hub.js'
export type { RemoteInfo } from './info.js'
export { formatRef, type HubRef, parseRef, type Ref, type UrlRef } from './ref.js'
export type { HubFile } from './store.js'

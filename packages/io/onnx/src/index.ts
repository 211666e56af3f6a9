export * from './model.js'
export { joined, serialize } from './serialize.js'
export { decode, encode } from './proto/codec.js'

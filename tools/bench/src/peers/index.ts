import { BenchError } from '../errors.js'
import { onnxruntimeNode } from './onnxruntime-node.js'
import { onnxruntimeWeb } from './onnxruntime-web.js'
import type { Peer } from './peer.js'

/** Every peer that there is a file for. */
export const peers: readonly Peer[] = [onnxruntimeNode, onnxruntimeWeb]

/** `none`, `all`, or names. Throws `BenchError` for a name that is no peer's. */
export function choosePeers(names: readonly string[]): readonly Peer[] {
  if (names.includes('none')) return []
  if (names.includes('all')) return peers
  return names.map(peerNamed)
}

export function peerNamed(name: string): Peer {
  const peer = peers.find((p) => p.name === name)
  if (!peer) throw new BenchError(`there is no peer "${name}"; choose none, all, or ${peers.map((p) => p.name).join(', ')}`)
  return peer
}

import type { Checkpoint } from '@scanline/checkpoint'

/**
 * A file of `train` as one of weights: those of the last step, or the averaged ones where there are any. Other checkpoints
 * are given back as they are.
 */
export function runWeights(checkpoint: Checkpoint, averaged: boolean): Checkpoint {
  const names = [...checkpoint.tensors.keys()]
  const ofRun = checkpoint.metadata.has('scanline_training') && names.some((name) => name.startsWith('model.'))
  if (!ofRun) return checkpoint
  const prefix = averaged && names.some((name) => name.startsWith('average.')) ? 'average.' : 'model.'
  const own = [...checkpoint.tensors].filter(([name]) => name.startsWith(prefix))
  const tensors = new Map(own.map(([name, entry]) => [name.slice(prefix.length), entry] as const))
  const { format, metadata, object } = checkpoint
  return { format, metadata, object, tensors, close: () => checkpoint.close() }
}
